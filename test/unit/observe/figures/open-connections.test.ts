import { describe, expect, test } from "bun:test";
import { OpenConnections, type Sort } from "../../../../src/observe/figures/open-connections.ts";
import { fakeConnection } from "../fake-connection.ts";

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
      expect(open.list(sort, limit).map(({ view }) => view.id)).toEqual(expected);
    }
  });

  test("of nothing", () => {
    const sorts: Sort[] = ["age", "newest", "bytes", "rate", "held"];
    for (const sort of sorts) expect(new OpenConnections().list(sort, 10)).toEqual([]);
  });
});

test("a rate is what moved between two looks, a second", () => {
  const { open, connections } = some();
  const [quick] = open.list("rate", 1);
  expect(quick).toMatchObject({ view: connections.quick, rateUp: 0, rateDown: 200 });
  open.look(1);
  expect(open.list("age", 10).every(({ rateUp, rateDown }) => rateUp + rateDown === 0)).toBe(true);
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
