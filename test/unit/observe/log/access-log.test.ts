import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAddress } from "../../../../src/address/address.ts";
import { accessLog } from "../../../../src/observe/log/access-log.ts";
import { createLog, type LogFormat, type LogLevel } from "../../../../src/observe/log/log.ts";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import type { Observer } from "../../../../src/relay/observer.ts";
import { fakeConnection } from "../fake-connection.ts";

let folder: string;
let fd: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "access-log-"));
  fd = openSync(join(folder, "log"), "a");
});

afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

async function logged(
  happens: (relay: Observer) => void,
  format: LogFormat = "json",
  level: LogLevel = "info",
): Promise<string> {
  const log = createLog(level, format, fd);
  const observer = accessLog(log, parseAddress("/run/x/socket", "destination"));
  happens({ ...silentObserver, ...observer });
  await log.flush(10_000);
  return readFileSync(join(folder, "log"), "utf8");
}

test("a TCP client's line has who, where, how much, how long and how it ended", async () => {
  const connection = fakeConnection({ openedAt: performance.now() - 1_500 });
  const text = await logged((relay) => {
    relay.opened(connection);
    relay.opened(fakeConnection());
    const { openedAt } = connection;
    Object.assign(connection, { connectedAt: openedAt + 2.5, destinationAddress: "10.0.0.1:80" });
    relay.connected(connection);
    Object.assign(connection, { bytesUp: 12, bytesDown: 3_456 });
    relay.closed(connection, "finished");
  });
  const entry = JSON.parse(text);
  expect(entry).toEqual({
    time: expect.any(String),
    level: "info",
    message: expect.stringMatching(
      new RegExp(
        `^${connection.clientAddress} finished after 1\\d\\d\\d ms, 12 bytes up, 3456 down; ` +
          "10.0.0.1:80 after 2.5 ms; 1 open$",
      ),
    ),
    event: "access",
    connection: connection.id,
    client: connection.clientAddress,
    destination: "/run/x/socket",
    reached: "10.0.0.1:80",
    connect_ms: 2.5,
    ending: "finished",
    bytes_up: 12,
    bytes_down: 3_456,
    duration_ms: expect.any(Number),
    open: 1,
  });
  expect(entry.duration_ms).toBeWithin(1_500, 15_000);
});

test.each([
  [0, "0"],
  [0.001, "0.001"],
  [0.06, "0.06"],
  [2.5, "2.5"],
  [30, "30"],
  [1_234.567_4, "1234.567"],
])("the destination was reached after %d ms: %s", async (time, printed) => {
  const times = { openedAt: 0, connectedAt: time };
  const connection = fakeConnection({ ...times, destinationAddress: "10.0.0.1:80" });
  const text = await logged((relay) => relay.closed(connection, "finished"));
  const entry = JSON.parse(text);
  expect(entry.message).toContain(`; 10.0.0.1:80 after ${printed} ms; `);
  expect(entry.connect_ms).toBe(Number(printed));
});

test("a Unix client's line has its ids", async () => {
  const clientPeer = { uid: 1000, gid: 100, pid: 77 };
  const connection = fakeConnection({ clientAddress: "", clientPeer });
  const text = await logged((relay) => relay.closed(connection, "client reset"));
  expect(JSON.parse(text)).toMatchObject({
    message: expect.stringMatching(/^user 1000, process 77 client reset after /),
    client: "",
    client_uid: 1000,
    client_gid: 100,
    client_pid: 77,
  });
});

test("a client of whom nothing is known has a line as well", async () => {
  const connection = fakeConnection({ clientAddress: "" });
  const entry = JSON.parse(await logged((relay) => relay.closed(connection, "finished")));
  expect(entry).toMatchObject({ message: expect.stringMatching(/^a client /), client: "" });
  expect(entry).not.toContainKey("client_uid");
});

test("why the destination was not reached stands on its own connection's line only", async () => {
  const [failed, other] = [fakeConnection(), fakeConnection()];
  const text = await logged((relay) => {
    relay.unreachable(failed, { code: "ENOENT", message: "cannot reach it" });
    relay.closed(other, "finished");
    relay.closed(failed, "unreachable");
  });
  const [first, second] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(first).not.toContainKey("code");
  expect(second).toMatchObject({ ending: "unreachable", code: "ENOENT" });
  expect(second.message).toContain(" unreachable (ENOENT) after ");
});

test("the lines that were asked for come at every level", async () => {
  const text = await logged(
    (relay) => {
      const connection = fakeConnection();
      relay.opened(connection);
      relay.closed(connection, "finished");
    },
    "journal",
    "error",
  );
  expect(text).toMatch(/^<6>127\.0\.0\.1:\d+ finished after \d+ ms, 0 bytes up, 0 down; 0 open\n$/);
});
