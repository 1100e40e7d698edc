import { copyFile, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type PartServer, requirePart, run, startServer, succeed } from "./support.ts";

/** The image that `startDocker` imports: busybox as `sh`, `cat`, `cmp` and `sleep`. */
export const IMAGE = "relay-test";

const APPLETS = ["sh", "cat", "cmp", "sleep"];

/**
 * A Docker daemon of its own, without networks, whose files are all below `folder`. Its mounts are
 * in a namespace of its own, so that they end with it.
 */
export async function startDocker(
  folder: string,
  owner: AsyncDisposableStack,
): Promise<PartServer> {
  const path = join(folder, "docker.sock");
  const server = await startServer(
    {
      command: (port) =>
        Promise.resolve([
          ...["unshare", "--mount", "dockerd", "--tls=false"],
          ...[`--host=unix://${path}`, `--host=tcp://127.0.0.1:${port}`],
          ...[`--data-root=${join(folder, "data")}`, `--exec-root=${join(folder, "exec")}`],
          ...[`--pidfile=${join(folder, "pid")}`, "--storage-driver=vfs"],
          ...["--iptables=false", "--bridge=none"],
        ]),
      path: () => path,
      serves: async () => (await run(["docker", `--host=unix://${path}`, "version"])).status === 0,
      stopSignal: "SIGTERM",
      log: join(folder, "dockerd.log"),
    },
    owner,
  );
  await importImage(folder, path);
  return server;
}

async function importImage(folder: string, path: string): Promise<void> {
  const bin = join(folder, "image", "bin");
  await mkdir(bin, { recursive: true });
  await copyFile(await requirePart("busybox"), join(bin, "busybox"));
  for (const applet of APPLETS) await symlink("busybox", join(bin, applet));
  const archive = join(folder, "image.tar");
  await succeed([
    "tar",
    "--create",
    `--file=${archive}`,
    `--directory=${join(folder, "image")}`,
    ".",
  ]);
  await succeed(["docker", `--host=unix://${path}`, "import", archive, IMAGE]);
}
