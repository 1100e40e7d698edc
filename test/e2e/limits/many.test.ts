import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { startRelay } from "../../support/process/executable.ts";
import { expectIdleProcess } from "../../support/process/idle.ts";
import { socketDescriptors } from "../../support/process/proc.ts";
import { until } from "../../support/waiting.ts";

const CONNECTIONS = 5_000;
const AT_ONCE = 250;
const ROUNDS = 3;

/** Memory in use, in KiB: VmRSS of proc(5). */
function residentKiB(pid: number): number {
  const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib);
}

test("5,000 connections at once, three rounds: little memory each, none kept, no CPU while idle", async () => {
  using server = startEcho();
  await using relay = await startRelay(["127.0.0.1:0", server.address]);
  const sockets = socketDescriptors(relay.pid).length;
  const allClosed = () =>
    until(
      () => socketDescriptors(relay.pid).length === sockets,
      () => `${socketDescriptors(relay.pid).length} sockets to be ${sockets} again`,
      30_000,
    );
  // What the first connection loads is not what a connection takes.
  {
    using client = await connectEcho(relay.address);
    await client.ask("hello");
  }
  await allClosed();
  const descriptors = readdirSync(`/proc/${relay.pid}/fd`).length;
  const start = residentKiB(relay.pid);
  const each: number[] = [];
  const after: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const clients = [];
    while (clients.length < CONNECTIONS) {
      const some = Array.from({ length: AT_ONCE }, () => connectEcho(relay.address));
      clients.push(...(await Promise.all(some)));
    }
    await Promise.all(clients.map((client) => client.ask(`hello ${round}`)));
    expect(server.open).toBe(CONNECTIONS);
    each.push((residentKiB(relay.pid) - start) / CONNECTIONS);
    expect(each.at(-1)).toBeLessThan(round === 0 ? 4 : 8);

    await expectIdleProcess(relay.pid);

    for (const client of clients) client[Symbol.dispose]();
    await allClosed();
    after.push(residentKiB(relay.pid));
  }
  expect(readdirSync(`/proc/${relay.pid}/fd`)).toHaveLength(descriptors);
  // What the first round left, the later ones use again: two KiB kept a connection would show.
  const kept = (after.at(-1) ?? Infinity) - (after[0] ?? 0);
  expect(kept).toBeLessThan((ROUNDS - 1) * CONNECTIONS * 2);
  expect(await relay.stop()).toBe(0);
  console.log(`KiB a connection ${each.map((kib) => kib.toFixed(2)).join(", ")}`);
  console.log(`KiB at the start ${start}, after each round ${after.join(", ")}`);
}, 120_000);
