import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../../src/observe/log/log.ts";
import type { Estate } from "../../src/process/handover/hand-over.ts";
import { HandoverRequests } from "../../src/process/handover/handover-requests.ts";
import { PassedSockets } from "../../src/process/handover/systemd-sockets-across-handovers.ts";
import { entriesOf } from "../support/process/log-entries.ts";
import { until } from "../support/waiting.ts";

let folder: string;
let log: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hanging-"));
  log = join(folder, "log");
  fd = openSync(log, "a");
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

/** A process that has nothing to hand over. */
function nothing(): Promise<Estate> {
  return Promise.resolve({
    listeners: [],
    passed: PassedSockets.handed([]),
    relays: [],
    earlier: null,
    manager: null,
    vacate: () => Promise.resolve(),
    reaper: null,
  });
}

const messages = () => entriesOf(readFileSync(log, "utf8")).map(({ message }) => message);

test("a new process that hangs is ended; a line says why, and the next HUP tries again", async () => {
  const program = join(folder, "program");
  writeFileSync(program, "#!/bin/sh\nexec sleep 1000\n");
  chmodSync(program, 0o755);
  const handovers = new HandoverRequests({
    log: createLog("info", "json", fd),
    command: [program],
    environment: process.env,
    patience: 200,
  });
  handovers.begin(nothing);
  const failure =
    "handover failed: the new process does not accept clients after 0.2 s; this process goes on";
  for (let times = 1; times <= 2; times += 1) {
    handovers.hangUp();
    await until(
      () => messages().filter((message) => message === failure).length === times,
      failure,
    );
    await until(() => !handovers.isUnderWay, "the try to end");
  }
  expect(await handovers.stop()).toBeNull();
  handovers.hangUp();
  await until(() => messages().at(-1) === "HUP is ignored: this process stops", "the line");
});
