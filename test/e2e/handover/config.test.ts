import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningRelay, startRelay, turnedAway } from "../../support/process/executable.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { runProgram } from "../../support/process/program.ts";
import { childrenOf } from "../../support/process/proc.ts";
import { connectEcho, type EchoServer, startEcho } from "../../support/sockets/echo.ts";
import { until } from "../../support/waiting.ts";
import { Load } from "./load.ts";
import { handoverBench } from "./handover-bench.ts";

const bench = handoverBench();

let file: string;
let other: EchoServer;
beforeEach(() => {
  file = join(bench.folder, "relays.toml");
  other = startEcho();
});
afterEach(() => other[Symbol.dispose]());

interface RelayKeys {
  readonly source: string;
  readonly destination: string;
  readonly [key: string]: string | number | readonly number[];
}

/** Writes a file of relays. */
function write(
  relays: Readonly<Record<string, RelayKeys>>,
  ...processWide: readonly string[]
): void {
  const tables = Object.entries(relays).map(([name, keys]) =>
    [
      `[relay.${name}]`,
      ...Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
    ].join("\n"),
  );
  writeFileSync(file, `${[processWide.join("\n"), ...tables].join("\n\n")}\n`);
}

function start(): Promise<RunningRelay> {
  return startRelay([`--config=${file}`], { executable: bench.executable.path });
}

function count(relay: RunningRelay, event: string): number {
  return relay.stderr().split(`"event":"${event}"`).length - 1;
}

async function reload(relay: RunningRelay): Promise<void> {
  const before = count(relay, "took_over");
  process.kill(relay.pid, "SIGHUP");
  await until(
    () => count(relay, "took_over") > before,
    () => relay.stderr(),
  );
}

async function serves(address: string): Promise<void> {
  using client = await connectEcho(address);
  await client.ask("hello");
}

const at = (name: string) => join(bench.folder, name);

/** The length of the kernel's queue of a listening port (ss(8), Send-Q). */
async function backlogOf(address: string): Promise<number> {
  const { stdout } = await runProgram(["ss", "-Htnl", "src", address], {
    env: { PATH: process.env["PATH"] ?? "" },
  });
  return Number(stdout.split(/\s+/)[2]);
}

test("the queue of a source is as long as the file says, or as before if a reload fails", async () => {
  const kept = { source: "127.0.0.1:0", destination: bench.echo.address, backlog: 100 };
  const taken = { source: other.address, destination: bench.echo.address };
  write({ kept });
  await using relay = await start();
  expect(await backlogOf(relay.address)).toBe(100);
  // The new process changes the queue before it finds that it cannot start.
  write({ kept: { ...kept, backlog: 7 }, taken });
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/"handover_failed".*EADDRINUSE/);
  expect(await backlogOf(relay.address)).toBe(100);
  write({ kept: { ...kept, backlog: 7 } });
  await reload(relay);
  expect(await backlogOf(relay.address)).toBe(7);
  expect(await relay.stop()).toBe(0);
});

test("another path of the same socket keeps the socket, for a source and for the admin", async () => {
  mkdirSync(at("real"));
  symlinkSync("real", at("link"));
  const named = (folder: string) => ({
    source: at(`${folder}/source`),
    destination: bench.echo.address,
  });
  write({ kept: named("real") }, `admin = "${at("real/admin")}"`);
  await using relay = await start();
  const inodes = () => ["source", "admin"].map((name) => lstatSync(at(`real/${name}`)).ino);
  const before = inodes();
  using client = await connectEcho(named("real").source);
  await client.ask("before");
  write({ kept: named("link") }, `admin = "${at("link/admin")}"`);
  await reload(relay);
  expect(inodes()).toEqual(before);
  await client.ask("after");
  client[Symbol.dispose]();
  await serves(named("real").source);
  expect(await relay.stop()).toBe(0);
  expect(readdirSync(at("real"))).toEqual([]);
});

test("an admin address at the path of a source is said to be the relay's own", async () => {
  mkdirSync(at("real"));
  symlinkSync("real", at("link"));
  const destination = bench.echo.address;
  write({ one: { source: at("real/socket"), destination } });
  await using relay = await start();
  write({ one: { source: "127.0.0.1:0", destination } }, `admin = "${at("link/socket")}"`);
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/cannot listen on \S+link\/socket: this relay itself listens on .*restart/);
  await serves(at("real/socket"));
  expect(await relay.stop()).toBe(0);
});

const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8);

describe.each([1, 3])("a reload of a file, with %i workers", (workers) => {
  const processWide = `workers = ${workers}`;

  test("under load: what changes, changes; all others are untouched", async () => {
    const kept = { source: at("kept"), destination: bench.echo.address, mode: "0600" };
    const moved = { source: at("moved"), destination: bench.echo.address };
    const removed = { source: at("removed"), destination: bench.echo.address };
    write({ kept, moved, removed }, processWide);
    await using relay = await start();
    await until(
      () => count(relay, "listening") === 3,
      () => relay.stderr(),
    );
    const inodes = [kept, moved].map(({ source }) => lstatSync(source).ino);
    await using load = await Load.start(kept.source, { visitors: 4, holders: 10 });
    using onMoved = await connectEcho(moved.source);
    await onMoved.ask("held");
    using onRemoved = await connectEcho(removed.source);
    await onRemoved.ask("held");

    const added = { source: at("added"), destination: other.address, mode: "0660" };
    write({ kept, moved: { ...moved, destination: other.address }, added }, processWide);
    const ofOther = other.open;
    await reload(relay);

    // Moved: new connections go to the other destination, the old one stays where it was.
    using again = await connectEcho(moved.source);
    await again.ask("hello");
    expect(other.open).toBe(ofOther + 1);
    await onMoved.ask("still");
    // Added.
    await serves(added.source);
    expect(modeOf(added.source)).toBe("660");
    // Removed: nobody gets in any more, and who was in stays.
    await until(() => !existsSync(removed.source), "the removed relay's file to go");
    await onRemoved.ask("still");

    // Changed in mode, limits and access, without a new file.
    const changed = { ...kept, mode: "0666", "connections-max": 100, "idle-timeout": "1h" };
    const closed = { ...added, "allow-users": [4_000_000_000] };
    write({ kept: changed, moved, added: closed }, processWide);
    await reload(relay);
    expect(modeOf(kept.source)).toBe("666");
    expect([kept, moved].map(({ source }) => lstatSync(source).ino)).toEqual(inodes);
    await turnedAway({ unix: added.source });
    await serves(kept.source);
    await onRemoved.ask("still");

    await load.finish();
    expect(load.errors).toEqual([]);
    for (const client of [onMoved, onRemoved, again]) client[Symbol.dispose]();
    await until(() => childrenOf(relay.pid).length === 1, "earlier processes to end");
    expect(await relay.stop()).toBe(0);
    expect([kept, moved, removed, added].filter(({ source }) => existsSync(source))).toEqual([]);
  });

  test("a new source is not said to listen, nor to have stopped, if the reload fails", async () => {
    const moved = { source: at("before"), destination: bench.echo.address };
    write({ moved }, processWide);
    await using relay = await start();
    const next = { ...moved, source: at("after") };
    const taken = { source: other.address, destination: bench.echo.address };
    write({ moved: next, taken }, processWide);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"handover_failed".*address already in use \(EADDRINUSE\)/);
    await until(() => childrenOf(relay.pid).length === 0, "the new process to end");
    expect(existsSync(next.source)).toBe(false);
    await serves(moved.source);

    write({ moved: next }, processWide);
    await reload(relay);
    await serves(next.source);
    await until(() => !existsSync(moved.source), "the old source's file to go");
    expect(await relay.stop()).toBe(0);
    const heard = entriesOf(relay.stderr(), "listening").map(({ source }) => source);
    expect(heard).toEqual([moved.source, next.source]);
    // The lines of two processes may come in either order.
    const stops = entriesOf(relay.stderr(), "stopped").map(({ cause }) => String(cause));
    expect(stops.toSorted()).toEqual(["asked", "handed over"]);
  });

  test("a wrong file, or a port that is taken, changes nothing and is told of", async () => {
    const kept = { source: at("kept"), destination: bench.echo.address, mode: "0600" };
    write({ kept }, processWide);
    await using relay = await start();
    const { ino } = lstatSync(kept.source);

    write({ kept: { ...kept, mode: "wrong" } }, "worker = 1");
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(
      /"handover_failed".*relays\.toml:1:1: worker: there is no such key.*first of 2 mistakes; simpletcpunixrelay check \S+relays\.toml lists all/,
    );
    await serves(kept.source);

    // The mode must not have changed, either.
    const taken = { source: other.address, destination: bench.echo.address };
    write({ kept: { ...kept, mode: "0666" }, taken }, processWide);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"handover_failed".*address already in use \(EADDRINUSE\)/);
    await serves(kept.source);
    expect(modeOf(kept.source)).toBe("600");
    expect(lstatSync(kept.source).ino).toBe(ino);
    expect(count(relay, "took_over")).toBe(0);
    // The relay goes on, so no line says that it has stopped.
    expect(count(relay, "stopped")).toBe(0);

    write({ kept: { ...kept, mode: "0666" } }, processWide);
    await reload(relay);
    expect(modeOf(kept.source)).toBe("666");
    expect(await relay.stop()).toBe(0);
  });
});
