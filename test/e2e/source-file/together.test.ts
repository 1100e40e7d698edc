import { beforeEach, expect, test } from "bun:test";
import { closeSync, lstatSync, openSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { executablePath } from "../../support/process/executable.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

const RELAYS = 16;
const ROUNDS = Number(process.env["TOGETHER_ROUNDS"] ?? 4);

let folder: string;
folderForEachTest("together", (path) => void (folder = path));
let path: string;
beforeEach(() => {
  path = join(folder, "socket");
});

/** A relay in a process of its own: whether it listens, or the line with which it refused. */
async function outcome(child: Bun.Subprocess<"ignore", "ignore", "pipe">): Promise<string> {
  let log = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    log += text;
    if (log.includes("listening on")) return "listens";
  }
  expect(await child.exited).toBe(1);
  return log;
}

test.each([
  ["on a stale socket", true],
  ["on a free path", false],
])(
  `of ${RELAYS} relays that start at once %s one wins, the others exit 1`,
  async (_, stale) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      if (stale) new RawListener({ kind: "unix", path }).close();
      // All wait until somebody writes to a named pipe, so that they start as one.
      const gate = join(folder, "gate");
      Bun.spawnSync(["mkfifo", gate]);
      const script = `: <${gate}; exec "$0" ${path} 127.0.0.1:9`;
      const executable = await executablePath();
      const children = Array.from({ length: RELAYS }, () =>
        Bun.spawn(["sh", "-c", script, executable], {
          stdin: "ignore",
          stdout: "ignore",
          stderr: "pipe",
        }),
      );
      try {
        const writer = openSync(gate, "r+");
        const outcomes = await Promise.all(children.map(outcome));
        closeSync(writer);
        expect(outcomes.filter((one) => one === "listens")).toHaveLength(1);
        for (const line of outcomes.filter((one) => one !== "listens"))
          expect(line).toContain("another program serves that socket");
        using client = await RawSocket.connect({ kind: "unix", path });
        expect(client.isOpen).toBe(true);
        expect(readdirSync(folder).toSorted()).toEqual(["gate", "socket"]);
        rmSync(gate);
      } finally {
        for (const child of children) child.kill("SIGTERM");
        await Promise.all(children.map((child) => child.exited));
      }
      expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
    }
  },
  120_000,
);
