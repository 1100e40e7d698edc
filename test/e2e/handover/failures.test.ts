import { beforeEach, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningRelay, startRelay } from "../../support/process/executable.ts";
import { eventually, metricsOf, statusOf } from "../observe/admin.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { successorOf, successorsOf } from "../../support/process/successors.ts";
import { childrenOf } from "../../support/process/proc.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { until } from "../../support/waiting.ts";
import { handoverBench } from "./handover-bench.ts";

const bench = handoverBench();
beforeEach(() => bench.executable.upgrade());

function start(...args: readonly string[]): Promise<RunningRelay> {
  return startRelay([...args, bench.echo.address], { executable: bench.executable.path });
}

/** Hands over several times, each time with one more open connection. Returns the clients. */
async function handOverHolding(relay: RunningRelay, handovers: number) {
  const held = [];
  for (let handover = 1; handover <= handovers; handover += 1) {
    const client = await connectEcho(relay.address);
    await client.ask("held");
    held.push(client);
    process.kill(relay.pid, "SIGHUP");
    await until(
      () => count(relay, "took_over") === handover,
      () => relay.stderr(),
    );
  }
  return held;
}

/** Whether a client is served. */
async function serves(address: string): Promise<void> {
  using client = await connectEcho(address);
  await client.ask("hello");
}

async function isRefused(address: string): Promise<void> {
  await expect(connectEcho(address)).rejects.toThrow("Failed to connect");
}

function count(relay: RunningRelay, event: string): number {
  return relay.stderr().split(`"event":"${event}"`).length - 1;
}

describe("a new process that cannot take over", () => {
  const BROKEN: readonly (readonly [string, () => void, RegExp])[] = [
    ["is no program", () => bench.executable.breakByText(), /cannot start .*: .*/],
    ["is not there", () => rmSync(bench.executable.path), /cannot start .*: no such file/],
    ["exits with 3", () => bench.executable.breakBy("exit 3"), /ended with status 3 before/],
    ["exits with 0", () => bench.executable.breakBy("exit 0"), /ended before it accepted/],
    ["is killed", () => bench.executable.breakBy("kill -9 $$"), /ended with status 137 before/],
    [
      "says something else",
      () => bench.executable.breakBy('echo "{}" >&3; sleep 100'),
      /said what this one does not understand/,
    ],
  ];

  test.each(BROKEN)(
    "because it %s: the old one goes on, and a line says why",
    async (_, breakIt, reason) => {
      await using relay = await start(join(bench.folder, "socket"));
      using held = await connectEcho(relay.address);
      await held.ask("before");
      const { ino } = lstatSync(relay.address);
      breakIt();
      process.kill(relay.pid, "SIGHUP");
      await relay.logged(/"event":"handover_failed".*\n/);
      expect(relay.stderr().match(/"event":"handover_failed".*/)?.[0]).toMatch(reason);
      expect(count(relay, "handover_failed")).toBe(1);
      await until(() => childrenOf(relay.pid).length === 0, "the new process to end");
      await held.ask("after");
      await serves(relay.address);
      expect(lstatSync(relay.address).ino).toBe(ino);
      // The next one is as good as if there had been no other.
      bench.executable.upgrade();
      process.kill(relay.pid, "SIGHUP");
      await relay.logged(/"event":"took_over"/);
      await held.ask("still");
      held[Symbol.dispose]();
      await serves(relay.address);
      expect(await relay.stop()).toBe(0);
      expect(existsSync(relay.address)).toBe(false);
    },
  );

  test("because the working folder was deleted: one line says why", async () => {
    const cwd = join(bench.folder, "deleted");
    mkdirSync(cwd);
    await using relay = await startRelay([join(bench.folder, "socket"), bench.echo.address], {
      ...{ executable: bench.executable.path, cwd },
    });
    rmdirSync(cwd);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/handover failed: the working folder was deleted.*; start the relay again/);
    await serves(relay.address);
    expect(await relay.stop()).toBe(0);
  });

  test("because another program has the address: one line says why", async () => {
    await using relay = await start(join(bench.folder, "socket"));
    using held = await connectEcho(relay.address);
    await held.ask("before");
    rmSync(relay.address);
    using _other = startEcho(relay.address);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"handover_failed".*another program serves that socket/);
    await held.ask("after");
    held[Symbol.dispose]();
    expect(await relay.stop()).toBe(0);
    await serves(relay.address);
  });
});

test.each(["source", "metrics"] as const)(
  "because the old one's %s is in the way: the line says to restart",
  async (role) => {
    const file = join(bench.folder, "overlap.toml");
    const write = (addresses: { readonly source: string; readonly metrics: string }) =>
      writeFileSync(
        file,
        `metrics = "${addresses.metrics}"\n[relay.one]\nsource = "${addresses.source}"\n` +
          `destination = "${bench.echo.address}"\n`,
      );
    const fresh = { source: "127.0.0.1:0", metrics: "127.0.0.1:0" };
    write(fresh);
    await using relay = await startRelay([`--config=${file}`], {
      executable: bench.executable.path,
    });
    const [, metrics = ""] = /"event":"metrics","address":"([^"]+)"/.exec(relay.stderr()) ?? [];
    const old = role === "source" ? relay.address : metrics;
    const [port = ""] = /\d+$/.exec(old) ?? [];
    write({ ...fresh, [role]: `0.0.0.0:${port}` });
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(
      new RegExp(`cannot listen on 0.0.0.0:${port}: this relay itself listens on ${old}.*restart`),
    );
    await serves(relay.address);
    // The socket of another program is not the relay's own.
    using other = startEcho();
    write({ ...fresh, [role]: other.address });
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(new RegExp(`cannot listen on ${other.address}: address already in use`));
    await serves(relay.address);
    expect(await relay.stop()).toBe(0);
  },
);

test("a source's file that was removed is there again after a handover", async () => {
  await using relay = await start(join(bench.folder, "socket"));
  rmSync(relay.address);
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/"event":"took_over"/);
  await serves(relay.address);
  expect(await relay.stop()).toBe(0);
  expect(existsSync(relay.address)).toBe(false);
});

test("HUP during a handover is passed on: the newest process hands over once more", async () => {
  await using relay = await start("127.0.0.1:0");
  bench.executable.breakBy(`sleep 0.3; exec ${bench.executable.version} "$@"`);
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/"event":"handover"/);
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/HUP: a handover follows after the one that is under way/);
  await until(
    () => count(relay, "took_over") === 2,
    () => relay.stderr(),
  );
  await serves(relay.address);
  expect(await relay.stop()).toBe(0);
});

describe("TERM", () => {
  test("during a handover ends both", async () => {
    await using relay = await start(join(bench.folder, "socket"));
    bench.executable.breakBy("sleep 100");
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"handover"/);
    await until(() => childrenOf(relay.pid).length === 1, "the new process");
    const [child = 0] = childrenOf(relay.pid);
    expect(await relay.stop()).toBe(0);
    await until(() => !existsSync(`/proc/${child}`), "the new process to be gone");
    expect(existsSync(relay.address)).toBe(false);
    expect(relay.stderr()).toContain("handover given up: this process stops");
    expect(count(relay, "handover_failed")).toBe(0);
  });

  test("HUP during the drain is ignored, and a line says so", async () => {
    await using relay = await start("--drain-timeout=1h", "127.0.0.1:0");
    using held = await connectEcho(relay.address);
    await held.ask("held");
    process.kill(relay.pid, "SIGTERM");
    await relay.logged(/"event":"draining"/);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/HUP is ignored: this process stops/);
    expect(count(relay, "handover")).toBe(0);
    expect(await relay.stop()).toBe(0);
  });

  test("after handovers ends all by the drain timeout, with the last one's status", async () => {
    await using relay = await start("--drain-timeout=1s", "127.0.0.1:0");
    const held = await handOverHolding(relay, 3);
    const processes = [relay.pid, ...(await successorsOf(relay.pid, 3))];
    expect(processes).toHaveLength(4);
    for (const client of held) await client.ask("still");
    expect(await relay.stop()).toBe(0);
    await Promise.all(held.map((client) => client.closed));
    expect(processes.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(relay.stderr().match(/"cut":1/g)).toHaveLength(3);
  });

  test("twice ends all at once", async () => {
    await using relay = await start("--drain-timeout=1h", "127.0.0.1:0");
    using held = await connectEcho(relay.address);
    await held.ask("held");
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    using other = await connectEcho(relay.address);
    await other.ask("held");
    process.kill(relay.pid, "SIGTERM");
    await until(
      () => count(relay, "draining") >= 2,
      () => relay.stderr(),
    );
    expect(await relay.stop()).toBe(0);
    await Promise.all([held.closed, other.closed]);
  });
});

describe("a process that dies", () => {
  test("the old one during a handover: the new one ends, and nobody has the source", async () => {
    await using relay = await start("127.0.0.1:0");
    bench.executable.breakBy(`echo started >&2; sleep 0.3; exec ${bench.executable.version} "$@"`);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/started\n/);
    const children = childrenOf(relay.pid);
    expect(await relay.stop("SIGKILL")).toBe(137);
    await until(
      () => children.every((pid) => !existsSync(`/proc/${pid}`)),
      () => `the new process to end: ${relay.stderr()}`,
    );
    await relay.logEnded;
    await isRefused(relay.address);
  });

  test("the new one right after: the first ends, too, with its status", async () => {
    await using relay = await start("--drain-timeout=1h", "127.0.0.1:0");
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    const newest = await successorOf(relay.pid);
    process.kill(newest, "SIGKILL");
    expect(await relay.exited).toBe(137);
    await isRefused(relay.address);
  });

  test("the first: the newest stops", async () => {
    await using relay = await start(join(bench.folder, "socket"));
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    const newest = await successorOf(relay.pid);
    await relay.stop("SIGKILL");
    await until(() => !existsSync(`/proc/${newest}`), "the newest process to stop");
    expect(existsSync(relay.address)).toBe(false);
  });

  test("one in the middle: the others do not notice", async () => {
    await using relay = await start("127.0.0.1:0");
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    using lost = await connectEcho(relay.address);
    await lost.ask("held");
    const middle = await successorOf(relay.pid);
    process.kill(relay.pid, "SIGHUP");
    await until(
      () => count(relay, "took_over") === 2,
      () => relay.stderr(),
    );
    using kept = await connectEcho(relay.address);
    await kept.ask("held");
    process.kill(middle, "SIGKILL");
    await lost.closed;
    await until(() => childrenOf(relay.pid).length === 1, "the dead process to be reaped");
    await kept.ask("still");
    kept[Symbol.dispose]();
    expect(await relay.stop()).toBe(0);
  });
});

test.each([1, 3])(
  "ids of connections are unique across a handover, with %i workers",
  async (workers) => {
    const args = [`--workers=${workers}`, "--access-log", "--admin=127.0.0.1:0"];
    await using relay = await start(...args, "127.0.0.1:0");
    const [, admin = ""] = /"event":"admin","address":"([^"]+)"/.exec(relay.stderr()) ?? [];
    using held = await connectEcho(relay.address);
    await held.ask("held");
    for (let handover = 1; handover <= 2; handover += 1) {
      process.kill(relay.pid, "SIGHUP");
      await until(
        () => count(relay, "took_over") === handover,
        () => relay.stderr(),
      );
      await serves(relay.address);
    }
    // What the first process still carries is known to the newest one.
    await eventually(
      "the status to tell of it",
      async () => (await statusOf(admin)).process.earlier_connections,
      (earlier) => earlier === 1,
    );
    const metrics = await metricsOf(admin);
    expect(metrics.get("earlier_connections_open")).toBe(1);
    await held.ask("still");
    held[Symbol.dispose]();
    expect(await relay.stop()).toBe(0);
    await relay.logEnded;
    const lines = entriesOf(relay.stderr(), "access");
    const ids = lines.map(({ connection }) => Number(connection));
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
    // The first process gave its one connection the first id.
    const [first] = lines.filter((line) => line["bytes_up"] === "heldstill".length);
    expect(first?.["connection"]).toBe(Math.min(...ids));
  },
);

test("more than 8 processes do not linger: the oldest ends by the drain timeout", async () => {
  await using relay = await start("--drain-timeout=0", "127.0.0.1:0");
  const held = await handOverHolding(relay, 10);
  const [oldest, second, ...others] = held;
  await Promise.all([oldest?.closed, second?.closed]);
  for (const client of others) await client.ask("still");
  for (const client of others) client[Symbol.dispose]();
  await until(() => childrenOf(relay.pid).length === 1, "the others to end");
  expect(await relay.stop()).toBe(0);
});

test("--exit-idle-time waits for the connections of earlier processes", async () => {
  await using relay = await start("--exit-idle-time=1s", "127.0.0.1:0");
  using held = await connectEcho(relay.address);
  await held.ask("held");
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/"event":"took_over"/);
  // Nothing to wait for: that nothing happens for longer than the idle time is the point.
  await Bun.sleep(2_000);
  await held.ask("still");
  held[Symbol.dispose]();
  expect(await relay.exited).toBe(0);
  await relay.logEnded;
  expect(relay.stderr()).toContain('"cause":"idle"');
});
