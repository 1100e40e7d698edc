import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningRelay, startRelay } from "../../support/process/executable.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { until } from "../../support/waiting.ts";
import { handoverBench } from "./handover-bench.ts";

setDefaultTimeout(60_000);

const bench = handoverBench();
beforeEach(() => bench.executable.upgrade());

function start(...args: readonly string[]): Promise<RunningRelay> {
  return startRelay(args, { executable: bench.executable.path });
}

/** Hands over, and waits until the new process has taken over. `times` counts the handovers. */
async function handOver(relay: RunningRelay, times: number): Promise<void> {
  process.kill(relay.pid, "SIGHUP");
  await until(
    () => relay.stderr().split('"event":"took_over"').length - 1 === times,
    () => relay.stderr(),
  );
}

const at = (name: string) => join(bench.folder, name);
const captures = () => readdirSync(bench.folder).filter((name) => name.startsWith("capture"));
const has = (name: string, text: string) => readFileSync(at(name)).includes(text);

describe.each(["1", "3"])("the capture of a relay with %s workers", (workers) => {
  const options = () => [`--capture=${at("capture")}`, `--workers=${workers}`];

  test("goes on in each old process that has connections, in a file of its own", async () => {
    await using relay = await start(...options(), at("socket"), bench.echo.address);
    using first = await connectEcho(relay.address);
    await first.ask("first-1");
    await handOver(relay, 1);
    using second = await connectEcho(relay.address);
    await second.ask("second-1");
    await handOver(relay, 2);
    using third = await connectEcho(relay.address);
    await third.ask("third-1");
    await first.ask("first-2");
    await second.ask("second-2");
    expect(await relay.stop()).toBe(0);
    expect(captures().sort()).toEqual(["capture", "capture.1", "capture.2"]);
    for (const [name, who] of [
      ["capture.1", "first"],
      ["capture.2", "second"],
      ["capture", "third"],
    ] as const)
      for (const word of ["first-1", "first-2", "second-1", "second-2", "third-1"])
        expect([name, word, has(name, word)]).toEqual([name, word, word.startsWith(who)]);
    expect(relay.stderr()).not.toContain('"event":"capture_ended"');
  });

  test("does not replace an old process's file when its own file is full", async () => {
    const limit = "--capture-max=128K";
    await using relay = await start(...options(), limit, at("socket"), bench.echo.address);
    using first = await connectEcho(relay.address);
    await first.ask("first-1");
    await handOver(relay, 1);
    using second = await connectEcho(relay.address);
    for (let round = 0; round < 60; round += 1) await second.ask("x".repeat(10_000));
    await first.ask("first-2");
    expect(await relay.stop()).toBe(0);
    expect(captures().sort()).toEqual(["capture", "capture.1", "capture.2"]);
    expect(has("capture.1", "first-2")).toBe(true);
    expect(relay.stderr()).not.toContain('"event":"capture_ended"');
  });

  test("without --capture-max no reload loses a file, even of an ended process", async () => {
    await using relay = await start(...options(), at("socket"), bench.echo.address);
    for (const [index, word] of ["first", "second", "third"].entries()) {
      using client = await connectEcho(relay.address);
      await client.ask(word);
      client[Symbol.dispose]();
      await client.closed;
      await handOver(relay, index + 1);
    }
    expect(await relay.stop()).toBe(0);
    const words = ["first", "second", "third"];
    expect(words.map((word) => captures().filter((name) => has(name, word)))).toEqual([
      ["capture.1"],
      ["capture.2"],
      ["capture.3"],
    ]);
  });

  test("can be handed over while its files turn all the time", async () => {
    const limit = "--capture-max=128K";
    await using relay = await start(...options(), limit, at("socket"), bench.echo.address);
    using client = await connectEcho(relay.address);
    let isOver = false;
    const load = (async () => {
      while (!isOver) await client.ask("x".repeat(50_000));
    })();
    await handOver(relay, 1);
    isOver = true;
    await load;
    using other = await connectEcho(relay.address);
    await other.ask("other");
    expect(await relay.stop()).toBe(0);
    expect(has("capture", "other")).toBe(true);
    expect(relay.stderr()).not.toContain('"event":"handover_failed"');
  });

  test("stays as it was if the new process cannot take over", async () => {
    using other = startEcho(at("other"));
    const file = at("relays.toml");
    const relays = (blocked: string) =>
      `workers = ${workers}\n[relay.a]\nsource = "${at("socket")}"\ncapture = "${at("capture")}"\n` +
      `destination = "${bench.echo.address}"\n${blocked}`;
    writeFileSync(file, relays(""));
    await using relay = await start(`--config=${file}`);
    using client = await connectEcho(relay.address);
    await client.ask("before");
    writeFileSync(
      file,
      relays(
        `[relay.b]\nsource = "${other.address}"\ndestination = "${at("nobody")}"\n` +
          `[relay.c]\nsource = "${at("c")}"\ndestination = "${at("nobody")}"\n` +
          `capture = "${at("capture-new")}"\n`,
      ),
    );
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"handover_failed"/);
    await client.ask("after");
    expect(captures()).toEqual(["capture"]);
    expect(await relay.stop()).toBe(0);
    expect(captures()).toEqual(["capture"]);
    expect(has("capture", "before")).toBe(true);
    expect(has("capture", "after")).toBe(true);
  });

  test("that cannot begin keeps the new process from taking over", async () => {
    const file = at("relays.toml");
    const relays = (capture: string) =>
      `workers = ${workers}\n[relay.a]\nsource = "${at("socket")}"\ncapture = "${capture}"\n` +
      `destination = "${bench.echo.address}"\n`;
    writeFileSync(file, relays(at("capture")));
    await using relay = await start(`--config=${file}`);
    writeFileSync(file, relays(at("missing/capture")));
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"handover_failed".*no such file or directory/);
    expect(await relay.stop()).toBe(0);
    expect(captures()).toEqual(["capture"]);
  });
});

test("an earlier capture takes no name of a file that is no capture", async () => {
  writeFileSync(at("capture.1"), "a letter to my mother");
  for (const word of ["first", "second"]) {
    await using relay = await start(`--capture=${at("capture")}`, at("socket"), bench.echo.address);
    using client = await connectEcho(relay.address);
    await client.ask(word);
    expect(await relay.stop()).toBe(0);
  }
  expect(readFileSync(at("capture.1"), "utf8")).toBe("a letter to my mother");
  expect(has("capture.2", "first")).toBe(true);
  rmSync(at("capture.1"));
  expect(existsSync(at("capture"))).toBe(true);
});
