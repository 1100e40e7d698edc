import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

const SUITE = "bookworm";

// systemd is the point, dbus is what systemctl and unit files of services speak, the rest is what
// the tests drive it with: HTTP and echo services, clients, `ss`.
const PACKAGES = ["systemd", "dbus", "python3", "curl", "socat", "procps", "iproute2"];

// What a machine that lives for a few seconds has no use for. Getty fails without a console.
const MASKED = [
  "apt-daily-upgrade.timer",
  "apt-daily.timer",
  "console-getty.service",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "fstrim.timer",
  "systemd-logind.service",
  "systemd-tmpfiles-clean.timer",
];

// In place of this machine's name and name servers, which debootstrap copies.
const FILES = {
  "etc/hostname": "machine\n",
  "etc/hosts": "127.0.0.1 localhost machine\n::1 localhost\n",
  "etc/resolv.conf": "",
};

/**
 * The folder of a Debian root with systemd, made with debootstrap where there is none yet and kept
 * outside the tree, in the user's cache. Nothing may write into it: machines run on a layer above.
 *
 * @throws with debootstrap's last words where it fails.
 */
export async function machineRoot(): Promise<string> {
  const path = rootPath();
  if (existsSync(path)) return path;
  const mirror = await findMirror();
  if (mirror === undefined)
    throw new Error(`apt knows no source of Debian ${SUITE}; after apt-get update it may`);
  await mkdir(cache(), { recursive: true });
  const folder = await mkdtemp(join(cache(), "making-"));
  try {
    const made = join(folder, "root");
    await bootstrap(made, mirror);
    await furnish(made);
    await moveUnlessThere(made, path);
  } finally {
    await rm(folder, { recursive: true });
  }
  return path;
}

/** Whether a root is there, or apt knows where to make one from. */
export async function canHaveRoot(): Promise<boolean> {
  return existsSync(rootPath()) || (await findMirror()) !== undefined;
}

// A change of what goes into a root gives it another name, so that no old one is taken for it.
function rootPath(): string {
  const contents = JSON.stringify([SUITE, PACKAGES, MASKED, FILES]);
  return join(cache(), `${SUITE}-${Bun.hash(contents).toString(16)}`);
}

function cache(): string {
  // The specification has relative paths ignored: basedir-spec, "Environment variables".
  const folder = process.env["XDG_CACHE_HOME"];
  const home = folder?.startsWith("/") ? folder : join(homedir(), ".cache");
  return join(home, "simpletcpunixrelay-test");
}

// The mirror that this machine's apt uses: what it may reach is its business, not the project's.
async function findMirror(): Promise<string | undefined> {
  if (Bun.which("apt-get") === null) return undefined;
  const format = "$(REPO_URI)\t$(RELEASE)\t$(CODENAME)\t$(COMPONENT)";
  const targets = await Bun.$`apt-get indextargets --format ${format}`.quiet().nothrow().text();
  for (const line of targets.split("\n")) {
    const [uri, release, codename, component] = line.split("\t");
    if (component === "main" && (release === SUITE || codename === SUITE)) return uri;
  }
  return undefined;
}

async function bootstrap(path: string, mirror: string): Promise<void> {
  const include = `--include=${PACKAGES.join(",")}`;
  const proxy = (
    await Bun.$`apt-config dump --format %v Acquire::http::Proxy`.quiet().text()
  ).trim();
  const child = Bun.spawn(
    // In a mount namespace of its own, so that what it mounts in the new root ends with it.
    ["unshare", "--mount", "debootstrap", "--variant=minbase", include, SUITE, path, mirror],
    {
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        ...(proxy !== "" && { http_proxy: proxy }),
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (code === 0) return;
  const log = await Bun.file(join(path, "debootstrap/debootstrap.log"))
    .text()
    .catch(() => "");
  const words = `${stdout}\n${stderr}\n${log}`.trim().split("\n").slice(-20).join("\n");
  throw new Error(`debootstrap of ${SUITE} failed (${code}):\n${words}`);
}

// debootstrap leaves the packages and lists that it fetched.
async function furnish(path: string): Promise<void> {
  await rm(join(path, "var/cache/apt/archives"), { recursive: true });
  await rm(join(path, "var/lib/apt/lists"), { recursive: true });
  for (const [file, text] of Object.entries(FILES)) await writeFile(join(path, file), text);
  for (const unit of MASKED) await symlink("/dev/null", join(path, "etc/systemd/system", unit));
  await chmod(path, 0o755);
}

// Whoever is second finds the other's, which is as good.
async function moveUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
