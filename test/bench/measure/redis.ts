import { printAddress } from "../../../src/index.ts";
import type { Redis } from "../destinations.ts";
import type { Address } from "../load/messages.ts";
import { monotonic } from "../load/system.ts";
import { cpuOf } from "../processes.ts";
import { findProgram } from "../programs.ts";
import { costOf, type Relay } from "../relays.ts";
import type { Row, Titles } from "../row.ts";
import type { Sample } from "../samples.ts";

/** Looks at a relay once while all clients are connected, for further figures. */
export type Look = (relay: Relay) => Sample;

/** Does something to a relay while its load runs. */
export type Disturb = (relay: Relay) => Promise<void>;

/** The options of redis-benchmark. */
interface Load {
  readonly clients: number;
  readonly pipeline?: number;
  /** Whether every request comes over a connection of its own. */
  readonly reconnect?: boolean;
}

/** What redis-benchmark says: requests a second, and latencies in microseconds. */
interface Outcome {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

/** The state of things at a moment of the load. */
interface Mark {
  readonly at: number;
  readonly requests: number;
  readonly cpu: number;
  /** Whether all clients are connected. */
  readonly isSteady: boolean;
  /** At the first mark at which they are: what a look at the relay gave. */
  readonly seen: Sample | undefined;
}

const LEAST_REQUESTS_A_CLIENT = 20;
// A load shorter than this part of one says little about the rate.
const CALIBRATION = 0.15;
const MARK_MILLISECONDS = 50;
// What a relay carries before its first round. The compilers of our own relay work for about 12,000
// connections, or 240,000 requests, once in the life of a process: the row `start` has that cost,
// and the cost of a connection or of a request has not.
const WARM_CONNECTIONS = 15_000;
const WARM_REQUESTS = 250_000;
// The most seconds that a slow relay is warmed for.
const WARM_SECONDS = 5;

/** A row of redis-benchmark's GET. */
export function redisRow(
  titles: Titles,
  load: Load,
  look: Look = () => ({}),
  disturb: Disturb = async () => {},
): Row {
  const unit = load.reconnect === true ? "connection" : "request";
  // How many requests a second to expect of a relay: what the last load found.
  const rates = new WeakMap<Relay, number>();
  return {
    ...titles,
    figures: {
      rate: { unit: `${unit}s/s`, digits: 0 },
      p50: { unit: "us", digits: 0 },
      p99: { unit: "us", digits: 0 },
      cpu: { unit: `CPU us/${unit}`, digits: 1 },
    },
    headline: "cpu",
    needsRedis: true,
    hasDirect: true,
    async measure(bench, relayName, direction) {
      const { redis, pool, streams, seconds } = bench;
      if (redis === undefined) throw new Error("Redis is missing");
      const relay = await pool.toRedis(relayName, direction, streams, redis);
      const rate = rates.get(relay) ?? (await calibrate(relay.address, load, seconds));
      if (!rates.has(relay) && !bench.quick)
        await run(relay.address, load, Math.min(warmOf(load), Math.round(rate * WARM_SECONDS)));
      const requests = Math.max(leastOf(load), Math.round(rate * seconds));
      const sample = await bench.around(titles.name, relay, () =>
        load.reconnect === true
          ? measureConnections(relay, load, requests, disturb)
          : measureRequests(redis, relay, load, requests, look),
      );
      rates.set(relay, sample.rate ?? rate);
      return sample;
    },
  };
}

async function calibrate(address: Address, load: Load, seconds: number): Promise<number> {
  for (let requests = leastOf(load); ; requests *= 5) {
    const { rate } = await run(address, load, requests);
    if (requests / rate > CALIBRATION * seconds) return rate;
  }
}

function leastOf({ clients }: Load): number {
  return clients * LEAST_REQUESTS_A_CLIENT;
}

function warmOf({ reconnect, pipeline = 1 }: Load): number {
  return reconnect === true ? WARM_CONNECTIONS : WARM_REQUESTS * pipeline;
}

/** All of a load with a connection a request: making and ending them is the work. */
async function measureConnections(
  relay: Relay,
  load: Load,
  requests: number,
  disturb: Disturb,
): Promise<Sample> {
  const { result, cpu } = await costOf(relay, async () => {
    const [outcome] = await Promise.all([run(relay.address, load, requests), disturb(relay)]);
    return outcome;
  });
  return { ...result, ...costEach(cpu, requests), work: requests };
}

/** The part of a load in which all clients are connected. */
async function measureRequests(
  redis: Redis,
  relay: Relay,
  load: Load,
  requests: number,
  look: Look,
): Promise<Sample> {
  const { result, cpu } = await costOf(relay, async () => {
    const running = run(relay.address, load, requests);
    const marks = await marksWhile(running, redis, relay, load, look);
    return { ...(await running), marks };
  });
  const { marks, ...outcome } = result;
  const steady = marks.filter(({ isSteady }) => isSteady);
  const [first] = steady;
  const last = steady.at(-1);
  if (first === undefined || last === undefined || last.at === first.at) {
    return { ...outcome, ...first?.seen, ...costEach(cpu, requests), work: requests };
  }
  // Every mark after the first was a request too.
  const served = last.requests - first.requests - (steady.length - 1);
  return {
    ...outcome,
    ...first.seen,
    rate: served / ((last.at - first.at) / 1e9),
    ...costEach(relay.pid === undefined ? undefined : last.cpu - first.cpu, served),
    work: requests,
  };
}

async function marksWhile(
  running: Promise<unknown>,
  redis: Redis,
  relay: Relay,
  { clients }: Load,
  look: Look,
): Promise<Mark[]> {
  let isRunning = true;
  const ended = running.finally(() => (isRunning = false));
  const marks: Mark[] = [];
  for (;;) {
    await Promise.race([ended, Bun.sleep(MARK_MILLISECONDS)]);
    if (!isRunning) return marks;
    const { requests, connected } = await redis.counts();
    const cpu = relay.pid === undefined ? 0 : cpuOf(relay.pid);
    const at = monotonic();
    // The bench's own connection is one more.
    const isSteady = connected > clients;
    const isFirst = isSteady && !marks.some((mark) => mark.isSteady);
    marks.push({ at, requests, cpu, isSteady, seen: isFirst ? look(relay) : undefined });
  }
}

function costEach(cpu: number | undefined, units: number): { cpu?: number } {
  return cpu === undefined ? {} : { cpu: cpu / 1000 / units };
}

async function run(address: Address, load: Load, requests: number): Promise<Outcome> {
  const program = findProgram("redis-benchmark");
  if (program === undefined) throw new Error("redis-benchmark is missing");
  const options = {
    c: load.clients,
    n: requests,
    P: load.pipeline ?? 1,
    k: load.reconnect === true ? 0 : 1,
  };
  const argv = [
    program,
    ...(address.kind === "unix"
      ? ["-s", address.path]
      : ["-h", address.host, "-p", `${address.port}`]),
    ...Object.entries(options).flatMap(([option, value]) => [`-${option}`, `${value}`]),
    ...["-t", "get", "--csv"],
  ];
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const [rate, , , p50, , p99] =
    /^"GET",(.*)$/m
      .exec(stdout)?.[1]
      ?.split(",")
      .map((value) => Number(value.replaceAll('"', ""))) ?? [];
  if (code !== 0 || rate === undefined || p50 === undefined || p99 === undefined)
    throw new Error(`redis-benchmark to ${printAddress(address)}: ${stderr.trim() || stdout}`);
  return { rate, p50: p50 * 1000, p99: p99 * 1000 };
}
