import { beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { executablePath } from "../../support/process/executable.ts";
import { startProgram } from "../../support/process/program.ts";
import { RawListener } from "../../support/sockets/raw-socket.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

// Only root can become somebody else, and only what root does is worth an attack.
const asRoot = describe.if(process.getuid?.() === 0);

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";

// Built here, or the first attack would end before the executable is there.
const EXECUTABLE = await executablePath();

const NOBODY = 65_534;
const setpriv = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];

/** How long each attack goes on, in seconds. */
const ATTACK_S = Number(process.env["ATTACK_S"] ?? 4);

type Environment = Readonly<Record<string, string>>;

const WAYS: [way: string, env: Environment][] = [
  ["with FFI", {}],
  ["without FFI", { BUN_JSC_useJIT: "0" }],
];

let top: string;
folderForEachTest("attack", (path) => void (top = path));
beforeEach(() => {
  chmodSync(top, 0o755);
});

/** Somebody who is not root does that as fast as it can while `work` runs; gives how often. */
async function attackedBy(
  script: string,
  args: readonly string[],
  work: () => Promise<void>,
): Promise<number> {
  const path = join(import.meta.dir, script);
  // The script's own folder may be root's alone.
  const argv = [...setpriv, "perl", "-e", readFileSync(path, "utf8"), ...args];
  const attacker = startProgram(argv, { PATH });
  try {
    expect(await attacker.line()).toBe("ready");
    await work();
  } catch (error) {
    await attacker.finish();
    throw error;
  }
  const { stdout, stderr } = await attacker.finish();
  expect(stderr).toBe("");
  return Number(stdout);
}

// The calls with which a relay that trusts a name would change another file.
const BY_NAME = "?chmod,?fchmodat,?chown,?lchown,?fchownat,?rename,?renameat,renameat2,?rmdir";

/**
 * Has the relay wait for some milliseconds before each call that could change another file, so that
 * an attack need not be lucky. strace is a grandchild: signals and the exit status are the relay's.
 */
const SLOWLY =
  Bun.which("strace") === null
    ? []
    : [
        ...["strace", "-D", "-f", "-o", "/dev/null", "-e", `trace=${BY_NAME}`],
        ...["-e", `inject=${BY_NAME}:delay_enter=5000`],
      ];

/** Starts a relay, which may refuse, and stops it; gives whether it listened. */
async function startAndStop(
  args: readonly string[],
  env: Environment,
  prefix: readonly string[] = [],
): Promise<boolean> {
  const child = Bun.spawn([...prefix, EXECUTABLE, ...args], {
    env: { PATH, ...env },
    stdout: "ignore",
    stderr: "pipe",
  });
  let log = "";
  let stopped = false;
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    log += text;
    if (stopped || !log.includes("listening on")) continue;
    stopped = true;
    child.kill("SIGTERM");
  }
  expect({ code: await child.exited, log }).toEqual({ code: stopped ? 0 : 1, log });
  return stopped;
}

/** A relay whose source and admin socket are in one folder, by names with that end. */
function relayIn(folder: string, end = ""): string[] {
  const permissions = ["--mode=0666", `--owner=${NOBODY}`];
  const [admin, source] = [`${folder}/admin${end}`, `${folder}/socket${end}`];
  return [...permissions, `--admin=${admin}`, source, "127.0.0.1:9"];
}

/** A relay that captures in a folder. */
function captureIn(folder: string, end = ""): string[] {
  return [`--capture=${folder}/capture${end}`, "127.0.0.1:0", "127.0.0.1:9"];
}

/**
 * What a relay must not change of another file, wherever its name has gone. That an empty folder
 * goes is not counted: the attacker may remove it himself, as it lies in his folder.
 */
function looksOf(stats: Stats): string {
  const { ino, mode, uid, gid, size } = stats;
  return [ino, mode.toString(8), uid, gid, stats.isDirectory() ? "" : size].join(" ");
}

/** All that lies in a folder, with the times at which it changed. */
function everythingIn(folder: string): string[] {
  return [".", ...readdirSync(folder).toSorted()].map((name) => {
    const { ino, mode, uid, gid, size, mtimeNs, ctimeNs } = lstatSync(join(folder, name), {
      bigint: true,
    });
    return [name, ino, mode.toString(8), uid, gid, size, mtimeNs, ctimeNs].join(" ");
  });
}

// asm-generic/fcntl.h
const O_PATH = 0o10000000;

/** Holds files open, so that their inodes are nobody else's. */
class Held implements Disposable {
  readonly #files: readonly { readonly fd: number; readonly looks: string }[];

  constructor(folder: string) {
    this.#files = readdirSync(folder).map((name) => {
      const fd = openSync(join(folder, name), O_PATH | constants.O_NOFOLLOW);
      return { fd, looks: looksOf(fstatSync(fd)) };
    });
  }

  expectUnchanged(): void {
    for (const { fd, looks } of this.#files) expect(looksOf(fstatSync(fd))).toBe(looks);
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#files) closeSync(fd);
  }
}

/** The outcome of a long attack, for the person who asked for it. */
function tell(outcome: string): void {
  if (process.env["ATTACK_S"] !== undefined) console.log(`${outcome} in ${ATTACK_S} s`);
}

function leaveStaleSocket(path: string): void {
  new RawListener({ kind: "unix", path }).close();
}

asRoot.each(WAYS)("a relay of root %s, while somebody who is not root", (_, env) => {
  test(
    "replaces what comes up in the source's folder, changes no other file",
    async () => {
      const folder = join(top, "folder");
      const outside = join(top, "outside");
      mkdirSync(outside, { mode: 0o700 });
      writeFileSync(join(outside, "file"), "canary", { mode: 0o600 });
      mkdirSync(join(outside, "folder"), { mode: 0o700 });
      const before = everythingIn(outside);
      let [starts, listened] = [0, 0];
      let swaps = 0;
      const until = performance.now() + ATTACK_S * 1_000;
      while (performance.now() < until) {
        mkdirSync(folder);
        for (let count = 0; count < 3; count += 1) {
          writeFileSync(join(folder, `precious-${count}`), "canary", { mode: 0o600 });
          mkdirSync(join(folder, `vault-${count}`), { mode: 0o700 });
        }
        leaveStaleSocket(join(folder, "precious-socket"));
        chmodSync(join(folder, "precious-socket"), 0o600);
        using held = new Held(folder);
        if (starts % 2 === 0) leaveStaleSocket(join(folder, "socket"));
        chownSync(folder, NOBODY, NOBODY);
        swaps += await attackedBy(
          "swap-entries.pl",
          [folder, join(outside, "file"), join(outside, "folder")],
          async () => {
            for (const prefix of [SLOWLY, [], SLOWLY]) {
              starts += 1;
              listened += Number(await startAndStop(relayIn(folder), env, prefix));
            }
          },
        );
        held.expectUnchanged();
        rmSync(folder, { recursive: true });
      }
      expect(everythingIn(outside)).toEqual(before);
      expect(swaps).toBeGreaterThan(0);
      tell(`${starts} starts, ${listened} listened, ${swaps} entries replaced`);
    },
    (ATTACK_S + 60) * 1_000,
  );

  test(
    "replaces the source's folder by a link, touches nothing where the link leads",
    async () => {
      const parent = join(top, "parent");
      const outside = join(top, "outside");
      mkdirSync(parent);
      mkdirSync(join(parent, "sub"));
      mkdirSync(outside, { mode: 0o755 });
      leaveStaleSocket(join(outside, "socket"));
      writeFileSync(join(outside, "admin"), "canary");
      // Looks like the beginning of a capture.
      writeFileSync(join(outside, "capture"), "");
      chownSync(parent, NOBODY, NOBODY);
      const before = everythingIn(outside);
      let [starts, listened] = [0, 0];
      const until = performance.now() + ATTACK_S * 1_000;
      const swaps = await attackedBy("swap-folder.pl", [parent, outside], async () => {
        while (performance.now() < until) {
          // Names that are taken where the link leads, and names that are free there.
          const end = starts % 2 === 0 ? "" : "-new";
          const relay = starts % 4 < 2 ? relayIn : captureIn;
          listened += Number(await startAndStop(relay(join(parent, "sub"), end), env));
          starts += 1;
        }
      });
      expect(everythingIn(outside)).toEqual(before);
      expect(swaps).toBeGreaterThan(0);
      tell(`${starts} starts, ${listened} listened, ${swaps} times a link`);
    },
    (ATTACK_S + 60) * 1_000,
  );
});
