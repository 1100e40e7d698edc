import { beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loaded } from "../../src/os/libc.ts";
import {
  type Estate,
  handOver,
  type OpenedListener,
} from "../../src/process/handover/hand-over.ts";
import { HandoverError } from "../../src/process/handover/handover-error.ts";
import { PassedSockets } from "../../src/process/handover/systemd-sockets-across-handovers.ts";
import { identityOf } from "../../src/relay/listen/socket-file/identify-and-remove.ts";
import { HandoverNotifier } from "../../src/systemd/hold-messages-during-handover.ts";
import { takeNotifier } from "../../src/systemd/notify-socket.ts";
import { disposeAfterEach } from "../support/dispose-after-each.ts";
import { DatagramReceiver } from "../support/sockets/datagram-receiver.ts";
import { folderForEachTest } from "../support/temporary-folder.ts";
import { until } from "../support/waiting.ts";

// Handovers from the test's process to shell scripts, which do what a new process may do.

let folder: string;
folderForEachTest("hand-over", (path) => void (folder = path));
const kept = disposeAfterEach();

const READY = `echo '{"kind":"ready","pid":7,"claimed":[]}' >&3`;
/** Milliseconds; the handover itself waits for the service manager for 30 s. */
const AT_ONCE = 20_000;
const ENDED = "the new process ended with status 1 before it accepted clients";
const GONE = "the new process ended before it took over";

/** What the test's process did and was told. */
let vacated: boolean;
let warnings: string[];
beforeEach(() => {
  vacated = false;
  warnings = [];
});

/** Hands over nothing to a shell script. Fails at once where there is no FFI. */
async function handOverTo(script: string, options: Partial<Estate> & { signal?: AbortSignal }) {
  const path = join(folder, "program");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  if (loaded.libc === null) throw new Error("there is no FFI");
  const { signal = new AbortController().signal, ...estate } = options;
  return await handOver(
    {
      listeners: [],
      passed: PassedSockets.handed([]),
      relays: [],
      earlier: null,
      manager: null,
      vacate: () => {
        vacated = true;
        return Promise.resolve();
      },
      reaper: null,
      ...estate,
    },
    {
      command: [path],
      environment: process.env,
      libc: loaded.libc,
      signal,
      warn: (message) => warnings.push(message),
    },
  );
}

/** Why a handover fails. */
async function failureOf(handover: Promise<unknown>): Promise<string> {
  try {
    await handover;
  } catch (error) {
    if (error instanceof HandoverError) return error.message;
    throw error;
  }
  throw new Error("it succeeded");
}

test("a new process that dies after it was ready leaves this one as it was", async () => {
  expect(await failureOf(handOverTo(`${READY}; exit 1`, {}))).toBe(GONE);
  expect(vacated).toBe(false);
});

describe("a handover that fails after the socket file's permissions were changed", () => {
  let path: string;
  let listener: OpenedListener;
  beforeEach(() => {
    path = join(folder, "socket");
    writeFileSync(path, "");
    chmodSync(path, 0o600);
    const endpoint = { kind: "unix", path } as const;
    const file = identityOf(lstatSync(path, { bigint: true }));
    const socket = { kind: "handed", endpoint, fds: [], file, backlog: null } as const;
    listener = { role: "source", address: endpoint, socket, permissions: { mode: 0o600 } };
  });

  const mode = () => lstatSync(path).mode & 0o777;

  test("restores them", async () => {
    expect(
      await failureOf(handOverTo(`chmod 666 ${path}; exit 1`, { listeners: [listener] })),
    ).toBe(ENDED);
    expect(mode()).toBe(0o600);
    expect(warnings).toEqual([]);
  });

  test("leaves another file alone that is now at the path", async () => {
    const script = `echo >${path}.new; chmod 666 ${path}.new; mv ${path}.new ${path}; exit 1`;
    expect(await failureOf(handOverTo(script, { listeners: [listener] }))).toBe(ENDED);
    expect(mode()).toBe(0o666);
    expect(warnings).toEqual([]);
  });
});

describe("with a service manager that reads no message after MAINPID=", () => {
  let manager: DatagramReceiver;
  let notifier: HandoverNotifier;
  beforeEach(() => {
    manager = kept(new DatagramReceiver(join(folder, "notify")));
    const plain = takeNotifier({ NOTIFY_SOCKET: manager.path }, (words) => warnings.push(words));
    if (plain === null) throw new Error("there is no notifier");
    notifier = new HandoverNotifier(plain);
    notifier.release();
  });

  /** Hands over to a process that stays; resolves when the manager has read MAINPID=. */
  async function beginHandover(signal?: AbortSignal) {
    const note = join(folder, "pid");
    const handover = handOverTo(`(${READY}; exec sleep 100) & echo $! >${note}; exit 0`, {
      manager: { notifier, socket: manager.path },
      ...(signal !== undefined && { signal }),
    });
    // The test looks at the result later.
    handover.catch(() => {});
    const told: (string | null)[] = [];
    await until(() => {
      told.push(manager.receiveOne());
      return told.at(-1) === "MAINPID=7";
    }, "MAINPID=");
    await until(() => existsSync(note), "the process id");
    const pid = Number(readFileSync(note, "utf8"));
    return { told, handover, kill: () => void process.kill(pid, "SIGKILL") };
  }

  test(
    "a new process that dies leaves this one as the main process, and ready",
    async () => {
      const { handover, kill } = await beginHandover();
      kill();
      notifier.notify({ STATUS: "1 open" });
      expect(await failureOf(handover)).toBe(GONE);
      expect(vacated).toBe(false);
      expect(manager.receive()).toEqual([
        "BARRIER=1",
        `MAINPID=${process.pid}`,
        "STATUS=1 open",
        "READY=1",
      ]);
      expect(warnings).toEqual([]);
    },
    AT_ONCE,
  );

  test("RELOADING= that met a full queue comes before MAINPID=", async () => {
    manager.fill();
    const { told, handover, kill } = await beginHandover();
    kept({ [Symbol.dispose]: kill });
    const [reloading = "", ...rest] = told.filter((one) => one !== null && one !== "filler");
    expect(reloading).toStartWith("RELOADING=1\n");
    expect(rest).toEqual(["MAINPID=7"]);
    expect(manager.receive()).toEqual(["BARRIER=1"]);
    await handover;
  });

  test(
    "a request to stop completes the handover at once",
    async () => {
      const abort = new AbortController();
      const { handover, kill } = await beginHandover(abort.signal);
      kept({ [Symbol.dispose]: kill });
      abort.abort();
      const successor = await handover;
      expect(vacated).toBe(true);
      expect(successor.pid).toBe(7);
      expect(warnings).toEqual([
        "the service manager may not know that its main process is 7: it does not answer",
      ]);
    },
    AT_ONCE,
  );
});
