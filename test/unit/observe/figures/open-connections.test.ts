import { describe, expect, test } from "bun:test";
import { OpenConnections, type Sort } from "../../../../src/observe/figures/open-connections.ts";
import { fakeConnection } from "../fake-connection.ts";

const ALL = { limit: 100, offset: 0 };

function some() {
  const open = new OpenConnections();
  const connections = {
    slow: fakeConnection({ bytesUp: 900, bytesDown: 100 }),
    quick: fakeConnection({ bytesUp: 10, heldDown: 5 }),
    stuck: fakeConnection({ heldUp: 7 }),
    idle: fakeConnection(),
  };
  for (const connection of Object.values(connections)) open.add(connection);
  open.look(1);
  connections.quick.bytesDown += 400;
  connections.slow.bytesUp += 20;
  open.look(2);
  return { open, connections };
}

describe("a list", () => {
  test.each([
    ["age", ["slow", "quick", "stuck", "idle"]],
    ["newest", ["idle", "stuck", "quick", "slow"]],
    ["bytes", ["slow", "quick", "stuck", "idle"]],
    ["rate", ["quick", "slow", "stuck", "idle"]],
    ["held", ["stuck", "quick", "slow", "idle"]],
  ] as const)("sorted by %s", (sort, names) => {
    const { open, connections } = some();
    for (const limit of [0, 1, 2, 4, 100]) {
      const expected = names.slice(0, limit).map((name) => connections[name].id);
      expect(open.list(sort, { limit, offset: 0 }).list.map(({ view }) => view.id)).toEqual(
        expected,
      );
    }
  });

  test("of nothing", () => {
    const sorts: Sort[] = ["age", "newest", "bytes", "rate", "held"];
    for (const sort of sorts)
      expect(new OpenConnections().list(sort, ALL)).toEqual({ total: 0, list: [] });
  });
});

test("a rate is what moved between two looks, a second", () => {
  const { open, connections } = some();
  const [quick] = open.list("rate", ALL).list;
  expect(quick).toMatchObject({ view: connections.quick, rateUp: 0, rateDown: 200 });
  open.look(1);
  expect(open.list("age", ALL).list.every(({ rateUp, rateDown }) => rateUp + rateDown === 0)).toBe(
    true,
  );
});

test("sums are of those that are open", () => {
  const { open, connections } = some();
  expect(open.held()).toEqual({ up: 7, down: 5 });
  expect(open.bytes()).toEqual({ up: 930, down: 500 });
  open.delete(connections.stuck);
  open.delete(connections.slow);
  expect(open.size).toBe(2);
  expect(open.held()).toEqual({ up: 0, down: 5 });
  expect(open.bytes()).toEqual({ up: 10, down: 400 });
});

test("a part of a list, and how long the whole is", () => {
  const { open, connections } = some();
  const { total, list } = open.list("bytes", { limit: 2, offset: 1 });
  expect(total).toBe(4);
  expect(list.map(({ view }) => view)).toEqual([connections.quick, connections.stuck]);
  expect(open.list("age", { limit: 2, offset: 4 })).toEqual({ total: 4, list: [] });
  const held = open.list("age", ALL, ({ view }) => view.heldUp + view.heldDown > 0);
  expect(held.total).toBe(2);
});

describe("groups", () => {
  const user = (uid: number, pid: number) =>
    fakeConnection({ clientAddress: "", clientPeer: { uid, gid: 0, pid }, bytesUp: 1 });

  test.each([
    [
      "addresses without their port",
      [
        fakeConnection({ clientAddress: "192.0.2.1:50000", bytesUp: 1 }),
        fakeConnection({ clientAddress: "[2001:db8::1]:50000", bytesUp: 100 }),
        fakeConnection({ clientAddress: "192.0.2.1:50001", heldDown: 7 }),
      ],
      ["192.0.2.1", "[2001:db8::1]"],
    ],
    [
      "users, whatever their process",
      [user(7, 100), user(8, 101), user(7, 102)],
      ["user 7", "user 8"],
    ],
    ["unknown clients", [fakeConnection({ clientAddress: "" })], ["a client"]],
  ] as const)("are by %s", (_, connections, clients) => {
    const open = new OpenConnections();
    for (const connection of connections) open.add(connection);
    const { total, list, connections: count } = open.groups("open", ALL);
    expect(list.map(({ client }) => client)).toEqual([...clients]);
    expect({ total, count }).toEqual({ total: clients.length, count: connections.length });
  });

  test("have the sums of their connections", () => {
    const open = new OpenConnections();
    const connections = [1, 2, 3].map((port) =>
      fakeConnection({ clientAddress: `192.0.2.1:${port}`, bytesUp: port, heldDown: 10 }),
    );
    for (const connection of connections) open.add(connection);
    open.look(1);
    expect(open.groups("open", ALL).list).toMatchObject([
      { client: "192.0.2.1", open: 3, bytesUp: 6, rateUp: 6, heldDown: 30 },
    ]);
    const one = open.groups("open", ALL, ({ view }) => view.bytesUp === 2);
    expect(one).toMatchObject({ total: 1, connections: 1, list: [{ open: 1, bytesUp: 2 }] });
  });

  test("are sorted, by their number of connections too", () => {
    const open = new OpenConnections();
    for (const [address, bytesUp] of [
      ["a:1", 1],
      ["b:1", 9],
      ["c:1", 3],
      ["c:2", 2],
    ] as const)
      open.add(fakeConnection({ clientAddress: address, bytesUp }));
    const clients = (sort: "open" | "bytes" | "age" | "newest") =>
      open.groups(sort, ALL).list.map(({ client }) => client);
    expect(clients("open")).toEqual(["c", "a", "b"]);
    expect(clients("bytes")).toEqual(["b", "c", "a"]);
    expect(clients("age")).toEqual(["a", "b", "c"]);
    expect(clients("newest")).toEqual(["c", "b", "a"]);
  });
});
