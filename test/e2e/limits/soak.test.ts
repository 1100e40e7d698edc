import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DIRECTIONS } from "../../fidelity/directions.ts";
import { cpuSeconds, socketDescriptors } from "../../support/process/proc.ts";
import { commandFor, failureWith, IN_CI, SEED } from "../../support/repeat.ts";
import { MemoryWatch } from "../../support/soak/memory.ts";
import { Route } from "../../support/soak/route.ts";
import { runTraffic } from "../../support/soak/traffic.ts";
import { until } from "../../support/waiting.ts";

const seconds = Number(process.env["SOAK_SECONDS"] ?? (IN_CI ? 180 : 20));

// Places for fewer than come, and patience with a destination that is away: neither, one, or both.
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  "tcp to tcp": ["--connections-max=8"],
  "tcp to unix": ["--connect-retry=2s"],
  "unix to unix": ["--connections-max=6", "--connect-retry=500ms"],
};

// A side whose peer is lost may linger for 10 seconds.
const QUIET_AFTER = 30_000;

const QUIET_MS = 2_000;
// A second: a few ticks of the clock that counts it.
const CPU_MOST = 0.03;
// A second: the relay's own timers wake it 8 times, and one that a connection left would do so too.
const WAKE_UPS_MOST = 20;

// KiB from the first third of the time to the last. The runtime's heap takes its time to find its
// size.
const GROWTH_MOST = (seconds < 60 ? 20 : 10) * 1_024;

test(
  `${seconds} s of mixed traffic and faults in four directions`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "soak-"));
    try {
      await using resources = new AsyncDisposableStack();
      const routes: Route[] = [];
      for (const direction of DIRECTIONS) {
        const options = OPTIONS[direction.name] ?? [];
        routes.push(resources.use(await Route.open(direction, folder, options)));
      }
      const files = readdirSync(folder).sort();
      const end = performance.now() + seconds * 1_000;
      await together(routes, (route, index, others) => soak(route, SEED + index, end, others));
      expect(readdirSync(folder).sort()).toEqual(files);
      for (const { relay } of routes) expect(await relay.stop()).toBe(0);
      const destinations = files.filter((name) => name.endsWith(".destination"));
      expect(readdirSync(folder).sort()).toEqual(destinations);
    } catch (error) {
      throw failureWith(commandFor(import.meta.path, { seeded: true }), error);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  (seconds + 120) * 1_000,
);

/**
 * Does something with each at the same time; where one fails, the others are told to come to an
 * end.
 */
async function together<Item>(
  items: readonly Item[],
  work: (item: Item, index: number, others: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const done = items.map(async (item, index) => {
    try {
      await work(item, index, failure.signal);
    } catch (error) {
      failure.abort(error);
    }
  });
  await Promise.all(done);
  failure.signal.throwIfAborted();
}

/** Traffic through one route, after which nothing of it is left in its relay. */
async function soak(route: Route, seed: number, end: number, others: AbortSignal): Promise<void> {
  const { name, relay } = route;
  // What is opened for the first question is there from then on, but for the question's own socket.
  const sockets = socketDescriptors(relay.pid).length;
  await route.metrics();
  await until(
    () => socketDescriptors(relay.pid).length === sockets,
    () => `${name}: the first question's socket to be closed`,
  );
  const { descriptors } = route;
  using memory = new MemoryWatch(relay.pid);
  const { connections, reached, bytes, absences } = await runTraffic(
    route,
    seed,
    () => performance.now() < end && !others.aborted,
  );
  const { first, last } = memory.thirds;

  await until(
    () => route.descriptors <= descriptors,
    () => `${name}: ${route.descriptors} descriptors to be ${descriptors} again`,
    QUIET_AFTER,
  );
  const quiet = await inQuiet(relay.pid);

  console.log(
    `${name}: ${connections} connections, ${reached} reached, ${Math.round(bytes / 2 ** 20)} MiB, ` +
      `${absences} absences; ${first} KiB in the first third, ${last} in the last; then each second ` +
      `${quiet.cpu.toFixed(3)} s CPU, woken ${quiet.wakeUps.toFixed(1)} times`,
  );
  expect(last - first).toBeLessThan(GROWTH_MOST);
  expect(quiet.cpu).toBeLessThan(CPU_MOST);
  expect(quiet.wakeUps).toBeLessThan(WAKE_UPS_MOST);
  await expectAccounts(route, connections);
}

/** What a process in which nothing is to do costs in a second. */
async function inQuiet(pid: number): Promise<{ readonly cpu: number; readonly wakeUps: number }> {
  const look = () => ({ at: performance.now(), cpu: cpuSeconds(pid), wakeUps: wakeUps(pid) });
  const before = look();
  await Bun.sleep(QUIET_MS);
  const after = look();
  const seconds = (after.at - before.at) / 1_000;
  return {
    cpu: (after.cpu - before.cpu) / seconds,
    wakeUps: (after.wakeUps - before.wakeUps) / seconds,
  };
}

/** How often the main thread of a process has slept so far: voluntary_ctxt_switches of proc(5). */
function wakeUps(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? Infinity);
}

/** Every client was accepted and its connection is over; nothing is held and nothing went wrong. */
async function expectAccounts(route: Route, connections: number): Promise<void> {
  const metrics = new Map(
    [...(await route.metrics())].map(([name, value]) => [withoutRelay(name), value]),
  );
  const endings = [...metrics].filter(([name]) => /_connections_closed_total\{/.test(name));
  const sum = endings.reduce((total, [, count]) => total + count, 0);
  const figure = (name: string) => metrics.get(`simpletcpunixrelay_${name}`);
  expect({
    accepted: figure("connections_total"),
    closed: sum,
    open: figure("connections_open"),
    held: [figure('held_bytes{from="client"}'), figure('held_bytes{from="destination"}')],
    faults: figure("faults_total"),
    lostLines: figure("log_lines_dropped_total"),
  }).toEqual({
    accepted: connections,
    closed: connections,
    open: 0,
    held: [0, 0],
    faults: 0,
    lostLines: 0,
  });
}

/** The name of a sample without the label that says which relay it is about: there is only one. */
function withoutRelay(name: string): string {
  return name
    .replace(/relay="[^"]*",?/, "")
    .replace(/,?\}$/, "}")
    .replace("{}", "");
}
