import { expect, test } from "bun:test";
import { RateHistory, HISTORY_SECONDS } from "../../../../src/observe/figures/rate-history.ts";
import { RelayStatistics } from "../../../../src/observe/figures/relay-statistics.ts";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import type { Observer } from "../../../../src/relay/observer.ts";
import { fakeConnection } from "../fake-connection.ts";

const QUIET = {
  ...{ up: 0, down: 0, open: 0, accepted: 0, failed: 0, refused: 0 },
  ...{ connectP50: null, connectP99: null, eventLoopDelay: 0.25 },
};

function start() {
  let now = 0;
  const statistics = new RelayStatistics(() => now);
  const relay: Observer = { ...silentObserver, ...statistics.observer };
  const history = new RateHistory(statistics);
  const pass = (seconds: number) => {
    now += seconds * 1_000;
    history.sample(0.25);
    statistics.connectTimes.clear();
  };
  return { relay, statistics, history, pass };
}

test("a sample has rates a second and what was open", () => {
  const { relay, history, pass } = start();
  const connection = fakeConnection();
  relay.opened(connection);
  connection.bytesUp = 3_000;
  pass(2);
  connection.bytesDown = 500;
  relay.unreachable(connection, { code: "ENOENT", message: "" });
  relay.closed(connection, "unreachable");
  relay.refused("192.0.2.1", "its address is denied");
  pass(0.5);
  pass(1);
  expect(history.last(10)).toEqual([
    { ...QUIET, at: 2, up: 1_500, open: 1, accepted: 0.5 },
    { ...QUIET, at: 2.5, down: 1_000, failed: 2, refused: 2 },
    { ...QUIET, at: 3.5 },
  ]);
  expect(history.latest).toEqual(history.last(1)[0]);
  expect(history.last(2).map(({ at }) => at)).toEqual([2.5, 3.5]);
  expect(history.last(0)).toEqual([]);
});

test("a clock that stands still gives no sample", () => {
  const { history, pass } = start();
  pass(0);
  expect(history.last(10)).toEqual([]);
  expect(history.latest).toBeUndefined();
});

test("what is older than the last minutes is forgotten", () => {
  const { history, pass } = start();
  for (let second = 0; second < HISTORY_SECONDS + 7; second += 1) pass(1);
  const all = history.last(HISTORY_SECONDS * 2);
  expect(all.length).toBe(HISTORY_SECONDS);
  expect(all[0]?.at).toBe(8);
});

test("a sample has the connect times of its second, and null where there were none", () => {
  const { relay, history, pass } = start();
  for (const took of [...Array<number>(98).fill(1), 500, 500])
    relay.connected(fakeConnection({ openedAt: 1_000, connectedAt: 1_000 + took }));
  pass(1);
  pass(1);
  const [first, second] = history.last(2);
  expect(first?.connectP50).toBeCloseTo(0.001, 4);
  expect(first?.connectP99).toBeWithin(0.45, 0.55);
  expect(second).toMatchObject({ connectP50: null, connectP99: null });
});
