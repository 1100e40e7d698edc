/** `bun run bench`: our own relay beside its peers. See options.ts for what it takes. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { withCommand } from "./attach.ts";
import { chart } from "./chart.ts";
import { startRedis, startStreams } from "./destinations.ts";
import { type Options, readOptions, UsageError } from "./options.ts";
import { BEFORE, DIRECT, RELAYS, VARIANTS } from "./peers/index.ts";
import { findExecutable } from "./peers/ours.ts";
import type { Peer } from "./peers/peer.ts";
import { Pool } from "./pool.ts";
import { ALL_DIRECTIONS, type Direction, DIRECTIONS, Relays } from "./relays.ts";
import { type DirectionTitles, type Report, table } from "./report.ts";
import type { Bench } from "./row.ts";
import { ROWS } from "./rows.ts";
import { runRounds } from "./rounds.ts";

const EX_USAGE = 64;

async function run(options: Options): Promise<void> {
  if (options.out !== undefined) mkdirSync(options.out, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "relay-bench-run-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

  const machine = describeMachine();
  const peers = await findPeers(options.relays, RELAYS);
  if (options.before !== undefined) peers.set(BEFORE, await findExecutable(options.before));
  const variants = await findPeers(Object.keys(VARIANTS), VARIANTS);
  const streams = startStreams(folder);
  const redis = await startRedis(folder, streams);
  const relays = new Relays(folder, new Map([...peers, ...variants]));
  const bench: Bench = {
    streams,
    redis,
    relays,
    pool: new Pool(relays),
    seconds: options.seconds,
    quick: options.quick,
    around(row, relay, work) {
      if (options.attach === undefined) return work();
      const { command, folder: files } = options.attach;
      const file = join(files, `${row}-${relay.direction.name}-${relay.name}`);
      return withCommand(command, relay, file, work);
    },
  };

  const chosen = ROWS.filter(({ name }) => options.rows.includes(name));
  const rows = chosen.filter(({ needsRedis }) => !needsRedis || redis !== undefined);
  const present = options.relays.filter((name) => name === DIRECT || peers.has(name));
  const began = performance.now();
  const report: Report = {
    date: new Date().toISOString(),
    machine,
    rounds: options.rounds,
    secondsALoad: options.seconds,
    relays: Object.fromEntries([...peers].map(([name, { version }]) => [name, version])),
    missing: [
      ...options.relays.filter((name) => !present.includes(name)),
      ...(redis === undefined
        ? chosen.filter((row) => !rows.includes(row)).map(({ name }) => `Redis, and so ${name}`)
        : []),
    ],
    rows: await runRounds(bench, rows, present, options.rounds, progress),
  };
  const took = (performance.now() - began) / 1000;
  const out = options.out ?? mkdtempSync(join(tmpdir(), "relay-bench-"));
  await Bun.write(join(out, "bench.json"), `${JSON.stringify(report, null, 1)}\n`);
  await Bun.write(join(out, "bench.svg"), chart(report, ROWS, titlesOf(DIRECTIONS)));
  console.log(table(report, ROWS, titlesOf(ALL_DIRECTIONS)));
  console.log(`\n${Math.round(took)} s; bench.json and bench.svg are in ${out}`);
}

function titlesOf(directions: readonly Direction[]): DirectionTitles {
  return Object.fromEntries(directions.map(({ name, title }) => [name, title]));
}

async function findPeers(
  names: readonly string[],
  among: typeof RELAYS,
): Promise<Map<string, Peer>> {
  const peers = new Map<string, Peer>();
  for (const name of names) {
    const peer = await among[name]?.();
    if (peer !== undefined) peers.set(name, peer);
  }
  return peers;
}

function describeMachine(): Report["machine"] {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? "processor of no known kind",
    processors: processors.length,
    kernel: release(),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Tells on standard error how far it is: standard output is for the table. */
function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
] as const)
  process.once(signal, () => process.exit(128 + number));

try {
  await run(readOptions(Bun.argv.slice(2)));
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof UsageError ? error.message : Bun.inspect(error)}\n`);
  process.exit(error instanceof UsageError ? EX_USAGE : 1);
}
