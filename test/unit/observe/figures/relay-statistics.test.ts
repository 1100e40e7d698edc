import { beforeEach, describe, expect, setSystemTime, test } from "bun:test";
import { RelayStatistics } from "../../../../src/observe/figures/relay-statistics.ts";
import { ENDINGS } from "../../../../src/relay/observer.ts";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import type { Observer } from "../../../../src/relay/observer.ts";
import { PausesOfThreads } from "../../../../src/workers/pauses-of-threads.ts";
import { fakeConnection } from "../fake-connection.ts";

let now: number;
let statistics: RelayStatistics;
let relay: Observer;

beforeEach(() => {
  now = 1_000;
  statistics = new RelayStatistics(() => now);
  relay = { ...silentObserver, ...statistics.observer };
});

const endpoint = { kind: "tcp", host: "127.0.0.1", port: 80 } as const;
const refusal = { code: "ECONNREFUSED", message: "cannot reach it: connection refused" };

describe("counts", () => {
  test("of connections, by how they fared", () => {
    const [one, two] = [fakeConnection(), fakeConnection()];
    relay.opened(one);
    relay.opened(two);
    relay.connected(one);
    expect(statistics.open.size).toBe(2);
    relay.unreachable(two, refusal);
    relay.closed(two, "unreachable");
    relay.closed(one, "finished");
    relay.refused("192.0.2.1", "its address is denied");
    expect(statistics).toMatchObject({ accepted: 2, connected: 1 });
    expect(statistics.open.size).toBe(0);
    expect(statistics.failed).toEqual(new Map([["ECONNREFUSED", 1]]));
    expect(statistics.refused).toEqual(new Map([["its address is denied", 1]]));
    const counted = [...statistics.closed].filter(([, count]) => count > 0);
    expect(counted).toEqual([
      ["finished", 1],
      ["unreachable", 1],
    ]);
  });

  test("every ending from nothing on", () => {
    expect([...statistics.closed]).toEqual(ENDINGS.map((ending) => [ending, 0]));
  });

  test("of bytes and pauses grow with an open connection and stay when it closes", () => {
    const [one, two] = [fakeConnection(), fakeConnection()];
    relay.opened(one);
    relay.opened(two);
    Object.assign(one, { bytesUp: 10, bytesDown: 200, pausesUp: 1, pausesDown: 2 });
    Object.assign(two, { bytesUp: 1, bytesDown: 3, pausesDown: 4 });
    expect(statistics.bytes).toEqual({ up: 11, down: 203 });
    expect(statistics.pauses).toEqual({ up: 1, down: 6 });
    one.bytesUp += 5;
    relay.closed(one, "finished");
    expect(statistics.bytes).toEqual({ up: 16, down: 203 });
    expect(statistics.pauses).toEqual({ up: 1, down: 6 });
    relay.closed(two, "client reset");
    expect(statistics.bytes).toEqual({ up: 16, down: 203 });
  });

  test("of failures by their reason, the last one met first", () => {
    const at = (time: number, happen: () => void) => {
      setSystemTime(time);
      happen();
    };
    at(1_000, () => relay.refused("192.0.2.1:50000", "its address is denied"));
    at(2_000, () => relay.unreachable(fakeConnection(), refusal));
    at(3_000, () => relay.unreachable(fakeConnection(), { ...refusal, message: "the last one" }));
    at(4_000, () => relay.refused("", "its address is unknown"));
    setSystemTime();
    const [unknown, unreachable, denied, ...others] = statistics.failures.list();
    expect(unknown).toMatchObject({
      ...{ kind: "refused", count: 1, firstAt: 4_000, lastAt: 4_000 },
      message: "a client was refused: its address is unknown",
    });
    expect(unreachable).toMatchObject({
      ...{ kind: "unreachable", count: 2, firstAt: 2_000, lastAt: 3_000 },
      ...{ reason: "ECONNREFUSED", message: "the last one" },
    });
    expect(denied).toMatchObject({
      ...{ kind: "refused", count: 1, firstAt: 1_000, lastAt: 1_000 },
      message: "192.0.2.1:50000 was refused: its address is denied",
    });
    expect(others).toEqual([]);
    expect(statistics.totals()).toMatchObject({ failed: 2, refused: 2 });
  });

  test("of reasons without end are bounded", () => {
    for (let code = 0; code < 1_000; code += 1)
      relay.unreachable(fakeConnection(), { code: `E${code}`, message: "" });
    expect(statistics.failures.list().length).toBe(65);
    expect(statistics.failures.list()[0]).toMatchObject({ reason: "other" });
    expect(statistics.totals().failed).toBe(1_000);
  });

  test("of faults", () => {
    relay.fault(new Error("a bug"));
    expect(statistics.faults).toBe(1);
  });

  test("of pauses: several limits at once are one pause", () => {
    relay.acceptingPaused("own", 1);
    relay.full(3, "own");
    relay.acceptingPaused("shared", 1);
    relay.full(3, "shared");
    relay.acceptingPaused("own", -1);
    relay.acceptingPaused("memory", 1);
    relay.acceptingPaused("shared", -1);
    expect(statistics.acceptPauses).toBe(1);
    relay.acceptingPaused("memory", -1);
    relay.acceptingPaused("memory", 1);
    expect(statistics.acceptPauses).toBe(2);
  });

  test("of pauses: a shortage that each worker notices is one pause", () => {
    const pauses = new PausesOfThreads(3, (reason, change) =>
      relay.acceptingPaused(reason, change),
    );
    for (const thread of [0, 1, 2]) {
      relay.full(3, "descriptors");
      pauses.changed(thread, "descriptors", 1);
    }
    expect(statistics.acceptPauses).toBe(1);
  });
});

describe("readiness", () => {
  test("follows the relay's life", () => {
    expect(statistics.notReadyBecause).toBe("starting");
    relay.listening(endpoint);
    expect(statistics.notReadyBecause).toBeNull();
    expect(statistics.source).toBe("127.0.0.1:80");
    relay.draining(1);
    expect(statistics.notReadyBecause).toBe("draining");
    relay.stopped({ cause: "asked", cut: 0 });
    expect(statistics.notReadyBecause).toBe("stopped");
    // Another process accepts the clients, at the same address.
    statistics.isHandedOver = true;
    expect(statistics.notReadyBecause).toBeNull();
  });

  test("is gone after a failure, until the destination is reached", () => {
    relay.listening(endpoint);
    relay.unreachable(fakeConnection(), refusal);
    now += 2_000;
    expect(statistics.notReadyBecause).toBe("2 s ago: cannot reach it: connection refused");
    relay.connected(fakeConnection());
    expect(statistics.notReadyBecause).toBeNull();
    expect(statistics.lastFailure).toMatchObject(refusal);
  });

  test("comes back 30 s after a failure, because somebody has to try again", () => {
    relay.listening(endpoint);
    relay.unreachable(fakeConnection(), refusal);
    now += 29_999;
    expect(statistics.notReadyBecause).not.toBeNull();
    now += 1;
    expect(statistics.notReadyBecause).toBeNull();
    relay.unreachable(fakeConnection(), refusal);
    expect(statistics.notReadyBecause).not.toBeNull();
  });
});
