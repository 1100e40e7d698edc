import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RateHistory } from "../../../../src/observe/figures/rate-history.ts";
import { RelayStatistics } from "../../../../src/observe/figures/relay-statistics.ts";
import {
  QueryError,
  readQuery,
  statusDocument,
  type StatusSources,
} from "../../../../src/observe/admin/build-status.ts";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import type { Observer } from "../../../../src/relay/observer.ts";
import { fakeConnection } from "../fake-connection.ts";

const read = (query: string) => readQuery(new URLSearchParams(query));

describe("a query", () => {
  test.each([
    ["", { sort: "age", limit: 100, history: 0 }],
    ["sort=rate", { sort: "rate", limit: 100, history: 0 }],
    ["limit=0", { sort: "age", limit: 0, history: 0 }],
    ["limit=1000&history=300", { sort: "age", limit: 1_000, history: 300 }],
    ["limit=007", { sort: "age", limit: 7, history: 0 }],
  ] as const)("%j", (query, meant) => {
    expect(read(query)).toEqual(meant);
  });

  test.each([
    "limit=1001",
    "limit=-1",
    "limit=",
    "limit=1e2",
    "limit=1.5",
    "limit=%2010",
    "limit=99999999999999999999",
    "history=301",
    "sort=",
    "sort=Age",
    "sort=constructor",
    "sort=age&sort=age",
    "limit=1&limit=2",
    "order=age",
    "__proto__=1",
    "toString=1",
  ])("%j makes no sense", (query) => {
    expect(() => read(query)).toThrow(QueryError);
  });

  test("whatever it says, is read or refused", () => {
    fc.assert(
      fc.property(fc.string(), (query) => {
        try {
          const { limit, history } = read(query);
          expect(limit).toBeWithin(0, 1_001);
          expect(history).toBeWithin(0, 301);
        } catch (error) {
          expect(error).toBeInstanceOf(QueryError);
        }
      }),
    );
  });
});

function sources(): { relay: Observer; all: StatusSources } {
  const statistics = new RelayStatistics();
  return {
    relay: { ...silentObserver, ...statistics.observer },
    all: {
      statistics,
      history: new RateHistory(statistics),
      destination: "/run/x/socket",
      options: { keepalive: "60s" },
      connectionsMax: 7,
      logLinesLost: () => 3,
    },
  };
}

describe("the document", () => {
  const everything = { sort: "age", limit: 10, history: 10 } as const;

  test("of a relay that has only begun", () => {
    const { all } = sources();
    expect(statusDocument(all, everything)).toMatchObject({
      program: "simpletcpunixrelay",
      pid: process.pid,
      state: "starting",
      ready: false,
      not_ready_because: "starting",
      source: null,
      destination: "/run/x/socket",
      options: { keepalive: "60s" },
      connections: { open: 0, max: 7, total: 0, connected: 0, failed: {}, refused: {} },
      traffic: { bytes_up: 0, bytes_down: 0, rate_up: 0, rate_down: 0 },
      log_lines_dropped: 3,
      last_failure: null,
      open: { sort: "age", limit: 10, list: [] },
      history: [],
    });
  });

  test("of a relay with connections", () => {
    const { relay, all } = sources();
    relay.listening({ kind: "unix", path: "/run/in" });
    relay.opened(fakeConnection({ bytesUp: 3, heldUp: 2, pausesUp: 1 }));
    relay.opened(
      fakeConnection({
        clientAddress: "",
        clientPeer: { uid: 1000, gid: 100, pid: 77 },
        state: "connecting",
        bytesDown: 4,
      }),
    );
    relay.unreachable(fakeConnection(), { code: "ENOENT", message: "cannot reach it" });
    const status = statusDocument(all, { ...everything, sort: "newest" });
    expect(status).toMatchObject({
      state: "listening",
      ready: false,
      source: "/run/in",
      connections: { open: 2, total: 2, failed: { ENOENT: 1 } },
      traffic: { bytes_up: 3, bytes_down: 4, held_up: 2, pauses_up: 1, pauses_down: 0 },
      last_failure: { code: "ENOENT", message: "cannot reach it" },
    });
    expect(status.open.list).toMatchObject([
      { client: "", client_uid: 1000, client_gid: 100, client_pid: 77, state: "connecting" },
      { client: expect.stringMatching(/^127\.0\.0\.1:\d+$/), state: "open", held_up: 2 },
    ]);
    expect(status.open.list[1]).not.toContainKey("client_uid");
    expect(statusDocument(all, { ...everything, limit: 1 }).open.list).toHaveLength(1);
  });

  test("is the same after a way through JSON", () => {
    const { all } = sources();
    const status = statusDocument(all, everything);
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });
});
