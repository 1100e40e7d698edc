import { availableParallelism } from "node:os";
import { afterAll, expect, test } from "bun:test";
import { connectEcho, startEcho } from "../support/sockets/echo.ts";
import { startRelay } from "../support/process/executable.ts";
import { threadsOf } from "../support/process/proc.ts";
import { makeProcessorGroup } from "../support/machine/resource-group.ts";

test("several workers share the limit, the log and the drain", async () => {
  using server = startEcho();
  const options = ["--workers=3", "--connections-max=6", "--log-level=debug"];
  await using relay = await startRelay([...options, "127.0.0.1:0", server.address]);
  const clients = await Promise.all(Array.from({ length: 6 }, () => connectEcho(relay.address)));
  await Promise.all(clients.map((client) => client.ask("in")));
  await relay.logged(/"event":"full","open":6\b/);
  const waiting = await connectEcho(relay.address);
  const answered = waiting.ask("at last");
  clients.pop()?.[Symbol.dispose]();
  await answered;
  const stopped = relay.stop();
  await relay.logged(/"event":"draining","open":6\b/);
  await Promise.all(clients.map((client) => client.ask("still")));
  for (const client of [...clients, waiting]) client[Symbol.dispose]();
  expect(await stopped).toBe(0);
  const text = relay.stderr();
  const ids = [...text.matchAll(/"event":"closed","connection":(\d+)/g)].map(([, id]) =>
    Number(id),
  );
  expect(ids.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  for (const once of ["listening", "draining", "stopped"])
    expect(text.match(new RegExp(`"event":"${once}"`, "g"))).toHaveLength(1);
  expect(text).not.toContain('"fault"');
});

test("auto is as many as there are processors that the process may use", async () => {
  const several = availableParallelism();
  expect(await automaticThreads([])).toBe(several === 1 ? 0 : several);
  expect(await automaticThreads(["taskset", "--cpu-list", "0"])).toBe(0);
});

const group = makeProcessorGroup(1.5);
afterAll(async () => await group?.[Symbol.asyncDispose]());

test.skipIf(group === null)("auto is one where a quota leaves time for no second one", async () => {
  expect(await automaticThreads(group?.prefix ?? [])).toBe(0);
});

async function automaticThreads(prefix: readonly string[]): Promise<number> {
  await using relay = await startRelay(["--workers=auto", ":0", ":1"], { prefix });
  // A thread that a worker has just made still has the worker's name (pthread_create(3)).
  return new Set(threadsOf(relay.pid).filter((name) => name.startsWith("worker"))).size;
}

test("without FFI, one thread relays and says so", async () => {
  using server = startEcho();
  const env = { BUN_JSC_useJIT: "0" };
  await using relay = await startRelay(["--workers=3", "127.0.0.1:0", server.address], { env });
  using client = await connectEcho(relay.address);
  await client.ask("all the same");
  expect(relay.stderr()).toMatch(/"level":"warn","message":"one thread relays, not several/);
});
