import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { parseAddress } from "../../../../src/address/address.ts";
import { statusDocument } from "../../../../src/observe/admin/build-status.ts";
import { type StatusQuery } from "../../../../src/observe/admin/status-query.ts";
import type { StatusDocument } from "../../../../src/observe/admin/status-format.ts";
import { Observation } from "../../../../src/observe/figures/observe-process.ts";
import { combineObservers } from "../../../../src/relay/combine-observers.ts";
import type { Observer } from "../../../../src/relay/observer.ts";
import { fakeConnection } from "../fake-connection.ts";

const destination = parseAddress("/run/x/socket", "destination");

let observation: Observation;
beforeEach(() => void (observation = new Observation({ logLinesLost: () => 3 })));
afterEach(() => observation[Symbol.dispose]());

/** Adds a relay; gives what it would tell its observers. */
function add(name = "web"): Observer {
  const source = parseAddress("/run/in", "source");
  const options = { keepalive: "60s" };
  return combineObservers(
    observation.add({ name, source, destination, options, connectionsMax: 7 }),
  );
}

/** The status of the first relay. */
function statusOf(query: StatusQuery): StatusDocument {
  const [relay] = observation.relays;
  if (relay === undefined) throw new Error("no relay was added");
  return statusDocument(observation, relay, query);
}

describe("the document", () => {
  test("can list the connections of all relays in one order", () => {
    const [web, db] = [add("web"), add("db")];
    web?.opened(fakeConnection({ id: 1, bytesUp: 5 }));
    db?.opened(fakeConnection({ id: 1, bytesUp: 9 }));
    db?.opened(fakeConnection({ id: 2, bytesUp: 1 }));
    const query = { sort: "bytes", limit: 2, history: 0 } as const;
    const named = ({ open }: StatusDocument) => open.list.map(({ relay, id }) => [relay, id]);
    const all = statusOf({ ...query, list: "all" });
    expect(named(all)).toEqual([
      ["db", 1],
      ["web", 1],
    ]);
    expect(all.open).toMatchObject({ of: "all", matching: 3 });
    expect(named(statusOf({ ...query, list: "all", offset: 2 }))).toEqual([["db", 2]]);
    expect(all.process.connections_open).toBe(3);
    expect(named(statusOf(query))).toEqual([["web", 1]]);
  });

  test("has what only the process knows", () => {
    const known = {
      ...{ connectionsMax: 50, earlierConnections: () => 4 },
      ...{ memoryMax: 1_000, heldBytes: () => 7, workers: () => 3 },
    };
    observation[Symbol.dispose]();
    observation = new Observation(known);
    add();
    const { process: figures } = statusOf({ sort: "age", limit: 0, history: 0 });
    expect(figures).toMatchObject({
      ...{ connections_max: 50, earlier_connections: 4 },
      ...{ held_bytes: 7, held_bytes_max: 1_000, workers: 3 },
    });
  });

  const everything = { sort: "age", limit: 10, history: 10 } as const;

  test("of a relay that has only begun", () => {
    add();
    expect(statusOf(everything)).toMatchObject({
      program: "simpletcpunixrelay",
      pid: process.pid,
      relay: "web",
      relays: [
        {
          ...{ name: "web", ready: false, state: "starting", not_ready_because: "starting" },
          ...{ open: 0, max: 7, total: 0, failed: 0, refused: 0, rate_up: 0, rate_down: 0 },
          ...{ source: null, destination: "/run/x/socket" },
        },
      ],
      all: null,
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
      failures: [],
      open: { sort: "age", limit: 10, offset: 0, matching: 0, list: [], groups: null },
      history: [],
    });
  });

  test("of a relay with connections", () => {
    const relay = add();
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
    const status = statusOf({ ...everything, sort: "newest" });
    expect(status).toMatchObject({
      state: "listening",
      ready: false,
      source: "/run/in",
      connections: { open: 2, total: 2, failed: { ENOENT: 1 } },
      traffic: { bytes_up: 3, bytes_down: 4, held_up: 2, pauses_up: 1, pauses_down: 0 },
      last_failure: { code: "ENOENT", message: "cannot reach it" },
      failures: [{ kind: "unreachable", reason: "ENOENT", count: 1, message: "cannot reach it" }],
    });
    expect(status.open.list).toMatchObject([
      { client: "", client_uid: 1000, client_gid: 100, client_pid: 77, state: "connecting" },
      { client: expect.stringMatching(/^127\.0\.0\.1:\d+$/), state: "open", held_up: 2 },
    ]);
    expect(status.open.list[1]).not.toContainKey("client_uid");
    expect(statusOf({ ...everything, limit: 1 }).open.list).toHaveLength(1);
  });

  test("is of one relay, and names the others", () => {
    const [web, mail] = [add("web"), add("mail")];
    web.listening({ kind: "unix", path: "/run/in" });
    mail.opened(fakeConnection());
    expect(statusOf(everything)).toMatchObject({
      relay: "web",
      connections: { total: 0 },
      relays: [
        { name: "web", ready: true, open: 0 },
        { name: "mail", ready: false, open: 1 },
      ],
    });
    expect(observation.notReadyBecause).toBe("mail: starting");
    mail.listening({ kind: "unix", path: "/run/mail" });
    expect(observation.notReadyBecause).toBeNull();
  });

  test("lists only the connections that are looked for", () => {
    const relay = add();
    const plain = { sort: "age", limit: 10, history: 0 } as const;
    for (const [clientAddress, state] of [
      ["192.0.2.1:50000", "open"],
      ["192.0.2.1:50001", "connecting"],
      ["192.0.2.11:50000", "open"],
    ] as const)
      relay.opened(fakeConnection({ clientAddress, state, destinationAddress: "198.51.100.1:80" }));
    const found = (query: Partial<StatusQuery>) => {
      const { matching, list } = statusOf({ ...plain, ...query } as StatusQuery).open;
      return [matching, list.map(({ client }) => client)];
    };
    expect(found({ find: "192.0.2.1:" })).toEqual([2, ["192.0.2.1:50000", "192.0.2.1:50001"]]);
    expect(found({ find: "OPEN 192.0.2.1:" })).toEqual([1, ["192.0.2.1:50000"]]);
    expect(found({ find: " 198.51.100.1 connecting " })).toEqual([1, ["192.0.2.1:50001"]]);
    expect(found({ find: "nobody" })).toEqual([0, []]);
    expect(found({ client: "192.0.2.11" })).toEqual([1, ["192.0.2.11:50000"]]);
    expect(found({ offset: 2 })).toEqual([3, ["192.0.2.11:50000"]]);
    const { matching, list, groups } = statusOf({ ...plain, group: "client", sort: "open" }).open;
    expect({ matching, list }).toEqual({ matching: 3, list: [] });
    expect(groups).toMatchObject({
      total: 2,
      list: [
        { client: "192.0.2.1", open: 2 },
        { client: "192.0.2.11", open: 1 },
      ],
    });
  });

  test("has the sums of several relays", () => {
    const [web, mail] = [add("web"), add("mail")];
    web.opened(fakeConnection({ bytesUp: 3, heldDown: 1 }));
    mail.opened(fakeConnection({ bytesUp: 4, pausesUp: 2 }));
    mail.unreachable(fakeConnection(), { code: "ENOENT", message: "cannot reach it" });
    expect(statusOf(everything).all).toMatchObject({
      traffic: { bytes_up: 7, bytes_down: 0, held_down: 1, pauses_up: 2 },
      failures: [{ relay: "mail", kind: "unreachable", reason: "ENOENT", count: 1 }],
      history: [],
    });
  });

  test("is the same after a way through JSON", () => {
    add();
    const status = statusOf(everything);
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });
});
