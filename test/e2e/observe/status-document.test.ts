import { describe, expect, test } from "bun:test";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { eventually, metricsOf, startWatched, statusOf } from "./admin.ts";

const ANY = "127.0.0.1:0";

describe("the status", () => {
  test("has the past second by second", async () => {
    using server = startEcho();
    await using relay = await startWatched([ANY, server.address]);
    const client = await connectEcho(relay.address);
    const { length } = "hello".repeat(1_000);
    await client.ask("hello".repeat(1_000));
    const { history, traffic } = await eventually(
      "a sample with the bytes",
      () => statusOf(relay.admin, "?history=300"),
      (status) => status.history.some(({ rate_up: rate }) => rate > 0),
    );
    const last = history.at(-1);
    expect(last).toMatchObject({ open: 1, failed: 0, accepted: expect.any(Number) });
    expect(traffic.rate_up).toBe(last?.rate_up ?? NaN);
    // A busy machine makes a sample longer than a second, and its rates smaller.
    const bytes = history.reduce(
      (sum, { at, rate_up: rate }, index) => sum + rate * (at - (history[index - 1]?.at ?? 0)),
      0,
    );
    expect(bytes).toBeWithin(0.9 * length, 1.1 * length);
    expect((await statusOf(relay.admin)).history).toEqual([]);
    client[Symbol.dispose]();
  });

  test("lists whom it is asked for, in the order it is asked for", async () => {
    using server = startEcho();
    await using relay = await startWatched([ANY, server.address]);
    const clients = [];
    for (const text of ["a", "bbb", "cc"]) {
      const client = await connectEcho(relay.address);
      await client.ask(text);
      clients.push(client);
    }
    const ids = async (query: string) =>
      (await statusOf(relay.admin, query)).open.list.map(({ id }) => id);
    expect(await ids("")).toEqual([1, 2, 3]);
    expect(await ids("?sort=newest&limit=2")).toEqual([3, 2]);
    expect(await ids("?sort=bytes")).toEqual([2, 3, 1]);
    expect(await ids("?sort=bytes&limit=0")).toEqual([]);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("says how many workers run, not how many were asked for", async () => {
    await using relay = await startWatched([
      ...["--workers=8", "--connections-max=2"],
      ...[ANY, "127.0.0.1:9"],
    ]);
    const { options, process } = await statusOf(relay.admin);
    expect([options["workers"], process.workers]).toEqual(["8", 2]);
    expect((await metricsOf(relay.admin)).get("workers")).toBe(2);
    await using single = await startWatched([ANY, "127.0.0.1:9"]);
    expect((await statusOf(single.admin)).process.workers).toBe(1);
  });

  test("tells where a connection is in its life", async () => {
    const ended = Promise.withResolvers<void>();
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: { data() {}, end: () => ended.resolve() },
    });
    await using relay = await startWatched([ANY, `127.0.0.1:${listener.port}`]);
    const port = Number(relay.address.split(":")[1]);
    const socket = { data() {} };
    const client = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket,
    });
    const stateOf = async () => (await statusOf(relay.admin)).open.list[0]?.state;
    expect(await eventually("open", stateOf, (state) => state === "open")).toBe("open");
    client.shutdown();
    await ended.promise;
    expect(await stateOf()).toBe("client ended");
    client.terminate();
    listener.stop(true);
  });
});
