import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DOCUMENT_VERSION } from "../../src/process/handover/handover-document.ts";
import { HandoverError } from "../../src/process/handover/handover-error.ts";
import {
  startSuccessor,
  type Successor,
  type SuccessorStart,
} from "../../src/process/handover/start-successor.ts";
import { openDescriptors } from "../support/process/proc.ts";
import { until } from "../support/waiting.ts";
import { folderForEachTest } from "../support/temporary-folder.ts";

// What becomes of programs that are started to take a process' place, and are something else.

let folder: string;
folderForEachTest("successor", (path) => void (folder = path));

const DOCUMENT = {
  kind: "document",
  document: {
    version: DOCUMENT_VERSION,
    pid: process.pid,
    isParent: false,
    listeners: [],
    passed: [],
    earlier: [],
    relays: [],
  },
} as const;

/** The command of a shell script that says that the program accepts clients. */
const READY = String.raw`echo "{\"kind\":\"ready\",\"pid\":7,\"claimed\":[]}" >&3`;

/** Starts a shell script in the place of the program. */
function startScript(script: string, options: Partial<SuccessorStart>): Promise<Successor> {
  const path = join(folder, "program");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return startSuccessor({
    command: [path],
    environment: process.env,
    descriptors: [],
    document: DOCUMENT,
    signal: new AbortController().signal,
    patience: 10_000,
    ...options,
  });
}

/** Starts a shell script in the place of the program; gives why that fails. */
async function failureOf(script: string, options: Partial<SuccessorStart> = {}): Promise<string> {
  try {
    await startScript(script, options);
  } catch (error) {
    if (error instanceof HandoverError) return error.message;
    throw error;
  }
  throw new Error("it took the place");
}

describe("a program that never accepts", () => {
  test("is ended when its time is up, with all that it started", async () => {
    const note = join(folder, "pids");
    const reason = await failureOf(`echo $$ >${note}; sleep 100 & echo $! >>${note}; wait`, {
      patience: 2_000,
    });
    expect(reason).toBe("the new process does not accept clients after 2 s");
    const pids = readFileSync(note, "utf8").trim().split("\n");
    expect(pids).toHaveLength(2);
    for (const pid of pids) await until(() => hasEnded(pid), `${pid} to end`);
  });

  test("is killed if it does not end when asked", async () => {
    const began = performance.now();
    const reason = await failureOf("trap '' TERM; sleep 100 & wait; sleep 100", { patience: 200 });
    expect(reason).toBe("the new process does not accept clients after 0.2 s");
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  test("is ended when this process is to stop", async () => {
    const abort = new AbortController();
    const failure = failureOf("sleep 100", { signal: abort.signal });
    abort.abort();
    expect(await failure).toBe("this process is to stop");
  });

  test("is not waited for if it accepts after all, when it is asked to end", async () => {
    const abort = new AbortController();
    const note = join(folder, "started");
    const failure = failureOf(`trap '${READY}; exit' TERM; sleep 100 & echo >${note}; wait`, {
      signal: abort.signal,
    });
    await until(() => existsSync(note), "the program to start");
    const began = performance.now();
    abort.abort();
    expect(await failure).toBe("this process is to stop");
    // It takes at least 4 s if nobody notices the end of the program: the program is asked to end,
    // killed after 2 s, and given up after 4 s.
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  test.each([
    [
      "ends with a status",
      "exit 7",
      "the new process ended with status 7 before it accepted clients",
    ],
    ["ends well", "exit 0", "the new process ended before it accepted clients"],
    ["says why", `echo '{"kind":"failed","reason":"no room"}' >&3; sleep 100`, "no room"],
    [
      "says something else",
      "echo hello >&3; sleep 100",
      "the new process said what this one does not understand (no object)",
    ],
    [
      "says half of it",
      `echo '{"kind":"ready"}' >&3; sleep 100`,
      "the new process said what this one does not understand (pid: no integer)",
    ],
  ])("%s", async (_, script, reason) => {
    expect(await failureOf(script)).toBe(reason);
  });
});

describe("a program that accepts while the child that started it has not ended", () => {
  test("has not started until the child has ended", async () => {
    let childEnded = false;
    const successor = await startScript(`${READY}; sleep 0.3`, {
      childPatience: 60_000,
      spawned: ({ exited }) => void exited.then(() => (childEnded = true)),
    });
    expect(childEnded).toBe(true);
    expect(successor.pid).toBe(7);
    successor.giveUp();
  });

  test("has started after a while if the child does not end", async () => {
    const children: { readonly pid: number; readonly exited: Promise<number> }[] = [];
    const successor = await startScript(`${READY}; exec sleep 100`, {
      childPatience: 50,
      spawned: (child) => void children.push(child),
    });
    expect(successor.pid).toBe(7);
    successor.giveUp();
    for (const { pid, exited } of children) {
      process.kill(pid, "SIGKILL");
      await exited;
    }
  });
});

test("nothing is left of fifty that failed", async () => {
  await failureOf("exit 1");
  const before = openDescriptors(process.pid);
  for (let times = 0; times < 50; times += 1) await failureOf("exit 1");
  await until(
    () => openDescriptors(process.pid) <= before,
    () => `${openDescriptors(process.pid)} descriptors to be ${before}`,
  );
});

/** Whether a process is gone, or a zombie that nobody has waited for yet. */
function hasEnded(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    // It is gone.
    return true;
  }
}
