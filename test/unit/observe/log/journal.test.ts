import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeJournalEntry } from "../../../../src/observe/log/journal-entry.ts";
import { JournalSink } from "../../../../src/observe/log/journal-sink.ts";
import type { LogEntry } from "../../../../src/observe/log/line-formats.ts";
import { libc } from "../../../../src/os/libc.ts";
import { SOCK_DGRAM } from "../../../../src/os/linux-constants.ts";
import { must, system } from "../../../support/process/system-calls.ts";
import { encodeName, familyOf } from "../../../support/sockets/socket-name.ts";
import { until } from "../../../support/waiting.ts";

// The pause between two tries to send, in milliseconds (src/observe/log/journal-sink.ts).
const RETRY = 20;

const entry = (message: string, more: Partial<LogEntry> = {}): LogEntry => ({
  time: new Date(),
  level: "info",
  message,
  relay: "",
  fields: {},
  ...more,
});

/** The fields of a datagram, by the native protocol's two forms. */
function decode(bytes: Uint8Array): Record<string, string> {
  const buffer = Buffer.from(bytes);
  const fields: Record<string, string> = {};
  let at = 0;
  while (at < buffer.length) {
    const end = buffer.indexOf("\n", at);
    const line = buffer.subarray(at, end).toString();
    const equals = line.indexOf("=");
    if (equals >= 0) {
      fields[line.slice(0, equals)] = line.slice(equals + 1);
      at = end + 1;
    } else {
      const length = Number(buffer.readBigUInt64LE(end + 1));
      fields[line] = buffer.subarray(end + 9, end + 9 + length).toString();
      at = end + 9 + length + 1;
    }
  }
  return fields;
}

describe("an entry of the journal", () => {
  test("has its words, its priority and its fields", () => {
    const fields = { event: "access", bytes_up: 12, client: "a=b", isSo: true };
    const bytes = encodeJournalEntry(
      entry("it\u001b ends", { level: "warn", relay: "web", fields }),
    );
    expect(decode(bytes)).toEqual({
      MESSAGE: "it\\u001b ends",
      PRIORITY: "4",
      SYSLOG_IDENTIFIER: "simpletcpunixrelay",
      RELAY_NAME: "web",
      RELAY_EVENT: "access",
      RELAY_BYTES_UP: "12",
      RELAY_CLIENT: "a=b",
      RELAY_ISSO: "true",
    });
  });

  test("cannot be given a field by what a value says", () => {
    const fields = { client: "x\nPRIORITY=0\nMESSAGE=y" };
    const decoded = decode(encodeJournalEntry(entry("a\nPRIORITY=0", { fields })));
    expect(decoded).toMatchObject({
      MESSAGE: "a\n    PRIORITY=0",
      PRIORITY: "6",
      RELAY_CLIENT: fields.client,
    });
  });
});

describe.skipIf(libc === null)("the journal", () => {
  let folder: string;
  let path: string;
  const open: number[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "journal-"));
    path = join(folder, "socket");
  });

  afterEach(() => {
    jest.useRealTimers();
    for (const fd of open.splice(0)) system.close(fd);
    rmSync(folder, { recursive: true });
  });

  function listen(): number {
    const endpoint = { kind: "unix", path } as const;
    const fd = must("socket", system.socket(familyOf(endpoint), SOCK_DGRAM));
    must("bind", system.bind(fd, encodeName(endpoint)));
    open.push(fd);
    return fd;
  }

  function read(fd: number): Record<string, string>[] {
    const bytes = new Uint8Array(65_536);
    const entries = [];
    for (;;) {
      const length = system.receive(fd, bytes);
      if (length < 0) return entries;
      entries.push(decode(bytes.subarray(0, length)));
    }
  }

  function sink(recovered = (_lost: number) => {}): JournalSink {
    if (libc === null) throw new Error("skipped");
    const opened = JournalSink.open(libc, recovered, path);
    if (opened === null) throw new Error("nobody listens");
    return opened;
  }

  test("that is not there is none", () => {
    expect(libc && JournalSink.open(libc, () => {}, path)).toBeNull();
  });

  test("gets each entry at once", () => {
    const fd = listen();
    const journal = sink();
    journal.write(entry("one"));
    journal.write(entry("two"));
    expect(read(fd).map(({ MESSAGE }) => MESSAGE)).toEqual(["one", "two"]);
  });

  test("whose queue is full gets all of it later, in order", async () => {
    jest.useFakeTimers();
    const fd = listen();
    const journal = sink();
    const messages = Array.from({ length: 2_000 }, (_, index) => `${index}`);
    for (const message of messages) journal.write(entry(message));
    const got: (string | undefined)[] = [];
    // Each round makes room in the queue, and then it is time for the next try to send.
    for (let rounds = 0; rounds < messages.length && got.length < messages.length; rounds += 1) {
      got.push(...read(fd).map(({ MESSAGE }) => MESSAGE));
      jest.advanceTimersByTime(RETRY);
    }
    expect(got).toEqual(messages);
    jest.useRealTimers();
    await journal.flush(1_000);
    expect(journal.lost).toBe(0);
  });

  test("that takes nothing loses what is over 1 MiB, and hears how much", async () => {
    const fd = listen();
    const told: number[] = [];
    const journal = sink((lost) => void told.push(lost));
    const long = "x".repeat(10_000);
    for (let times = 0; times < 1_000; times += 1) journal.write(entry(long));
    expect(journal.lost).toBeWithin(500, 1_000);
    const began = performance.now();
    await journal.flush(50);
    expect(performance.now() - began).toBeLessThan(5_000);
    let got = 0;
    await until(() => {
      got += read(fd).length;
      return got + journal.lost === 1_000;
    }, "the rest");
    journal.write(entry("again"));
    expect(told).toEqual([journal.lost]);
  });

  test("that was started anew is found again", () => {
    const first = listen();
    const journal = sink();
    journal.write(entry("before"));
    expect(read(first)).toHaveLength(1);
    // Nobody is there for a while.
    system.close(first);
    open.pop();
    rmSync(path);
    journal.write(entry("lost"));
    const second = listen();
    journal.write(entry("after"));
    expect(journal.lost).toBe(1);
    expect(read(second)).toMatchObject([{ MESSAGE: "after" }]);
  });
});
