import { readFile, rm } from "node:fs/promises";
import { makeCgroups } from "./cgroups.ts";
import { runProgram } from "../process/program.ts";

/** What programs see of the environment: nothing of the machine that runs the tests. */
export const ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C.UTF-8",
};

const PATIENCE_MS = 30_000;

// Neither the kernel nor a systemd without a bus to this side announces how far it is.
const LOOK_EVERY_MS = 20;

/**
 * Boots the systemd of a root and waits until it is up. Gives its first process, as this side
 * numbers it; `resources` end it, and leave nothing of it.
 *
 * @throws with what it said on its console, where it does not come up.
 */
export async function boot(directory: string, resources: AsyncDisposableStack): Promise<number> {
  const name = `relay-${crypto.randomUUID().slice(0, 8)}`;
  const cgroups = await makeCgroups(name, resources);
  // nspawn cannot remove it where /run is on a disk.
  resources.defer(() =>
    rm(`/run/systemd/nspawn/propagate/${name}`, { recursive: true, force: true }),
  );
  const container = Bun.spawn(nspawn(directory, name, cgroups), {
    env: ENVIRONMENT,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = Promise.all([
    new Response(container.stdout).text(),
    new Response(container.stderr).text(),
  ]);
  let leader: number | undefined;
  const end = async () => {
    // The namespace's first process takes all others with it; nspawn then tidies up and ends.
    if (leader === undefined) container.kill("SIGKILL");
    else if (container.exitCode === null && container.signalCode === null) kill(leader);
    await container.exited;
  };
  resources.defer(end);
  try {
    leader = await findLeader(container);
    await comesUp(leader);
    return leader;
  } catch (error) {
    await end();
    throw new Error(`the machine does not boot:\n${(await said).join("")}`, { cause: error });
  }
}

// It may have died a moment ago, which is as good.
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function nspawn(directory: string, name: string, cgroups: readonly string[]): string[] {
  return [
    // A control group of its own, or two machines would share one tree of services.
    ...[
      "sh",
      "-ec",
      'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"',
    ],
    ...["sh", ...cgroups, "--"],
    // It shuts down by itself when the tests die without a chance to end it.
    ...["setpriv", "--pdeathsig", "TERM"],
    ...["systemd-nspawn", "--quiet", "--boot", `--machine=${name}`, "--hostname=machine"],
    ...[`--directory=${directory}`, "--volatile=overlay", "--private-network"],
    // Neither a machine manager nor a bus is needed on this side.
    ...["--register=no", "--keep-unit", "--link-journal=no", "--console=read-only"],
    ...["--resolv-conf=off", "--timezone=off"],
  ];
}

async function findLeader(container: Bun.Subprocess): Promise<number> {
  const { pid } = container;
  const start = performance.now();
  while (container.exitCode === null && performance.now() - start < PATIENCE_MS) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    for (const child of children.split(" ").filter(Boolean)) {
      // It may be a helper of nspawn, and gone by now.
      const command = await readFile(`/proc/${child}/comm`, "utf8").catch(() => "");
      if (command === "systemd\n") return Number(child);
    }
    await Bun.sleep(LOOK_EVERY_MS);
  }
  throw new Error("systemd-nspawn started no systemd");
}

async function comesUp(leader: number): Promise<void> {
  const start = performance.now();
  for (;;) {
    const words = entering(leader, ["systemctl", "is-system-running", "--wait"]);
    const { stdout, stderr } = await runProgram(words, { env: ENVIRONMENT, patience: PATIENCE_MS });
    const state = stdout.trim();
    if (state === "running") return;
    if (state === "degraded") {
      const failed = await runProgram(entering(leader, ["systemctl", "--failed"]), {
        env: ENVIRONMENT,
      });
      throw new Error(`units failed at boot:\n${failed.stdout}`);
    }
    if (performance.now() - start > PATIENCE_MS) throw new Error(`not up: ${state}${stderr}`);
    await Bun.sleep(LOOK_EVERY_MS);
  }
}

/** A command as one of this side that has it run in the container, as root if not told. */
export function entering(leader: number, command: readonly string[], user?: string): string[] {
  return [
    ...["nsenter", "--target", String(leader), "--all", "--"],
    ...(user === undefined ? [] : ["runuser", "-u", user, "--"]),
    ...command,
  ];
}
