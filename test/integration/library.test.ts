import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AddressError,
  createRelay,
  type Observer,
  parseCidr,
  RelayError,
  type RelayOptions,
} from "../../src/index.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";

/** A source that nobody else uses, and what is left of it when the test is over. */
function temporarySource() {
  const folder = mkdtempSync(join(tmpdir(), "library-"));
  return {
    path: join(folder, "source"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** What a program without types can pass. */
async function refusal(options: Readonly<Record<string, unknown>>): Promise<unknown> {
  using source = temporarySource();
  const given = { source: source.path, destination: "127.0.0.1:1", ...options };
  try {
    await using relay = await createRelay(given as unknown as RelayOptions);
    return `it listens on ${JSON.stringify(relay.endpoint)}`;
  } catch (error) {
    expect(existsSync(source.path)).toBe(false);
    return error;
  }
}

describe("the library refuses, and names the option", () => {
  test.each([
    [undefined, "the options are undefined, not an object"],
    [null, "the options are null, not an object"],
    ["127.0.0.1:0", 'the options are "127.0.0.1:0", not an object'],
  ])("%p in place of all options", async (options, message) => {
    const error = await createRelay(options as unknown as RelayOptions).catch((error) => error);
    expect(error).toBeInstanceOf(RelayError);
    expect(error).toMatchObject({ code: "EINVAL", message });
  });

  test.each<[Readonly<Record<string, unknown>>, string]>([
    [{ connectTimeout: -5 }, "connectTimeout: -5 is too short; at least 1 ms"],
    [{ connectTimeout: 0 }, "connectTimeout: 0 is too short; at least 1 ms"],
    [
      { connectTimeout: Infinity },
      "connectTimeout: Infinity is not a whole number of milliseconds",
    ],
    [{ connectTimeout: Number.NaN }, "connectTimeout: NaN is not a whole number of milliseconds"],
    [{ connectTimeout: 2 ** 31 }, "connectTimeout: 2147483648 is too long"],
    [{ connectTimeout: "5s" }, 'connectTimeout: "5s" is not a whole number of milliseconds'],
    [{ idleTimeout: 0 }, "idleTimeout: 0 is too short"],
    [{ keepalive: 500 }, "keepalive: 500 is too short; 0 or at least 1000 ms"],
    [{ drainTimeout: -1 }, "drainTimeout: -1 is too short"],
    [{ connectRetry: null }, "connectRetry: null is not a whole number of milliseconds"],
    [{ workers: 0 }, "workers: 0 is not a number from 1 to 8192; or say auto"],
    [{ workers: -1 }, "workers: -1 is not a number from 1 to 8192; or say auto"],
    [{ workers: 1.5 }, "workers: 1.5 is not a number from 1 to 8192; or say auto"],
    [{ workers: "many" }, 'workers: "many" is not a number from 1 to 8192; or say auto'],
    [{ workers: null }, "workers: null is not a number from 1 to 8192; or say auto"],
    [{ workers: 100_000 }, "workers: 100000 is not a number from 1 to 8192; or say auto"],
    [{ memoryMax: 1024 }, "memoryMax: 1024 is too small"],
    [{ memoryMax: "64M" }, 'memoryMax: "64M" is not'],
    [{ connectionsMax: 0 }, "connectionsMax: 0 is not a number from 1 to 2147483647"],
    [{ connectionsMax: 1.5 }, "connectionsMax: 1.5 is not a number from 1 to 2147483647"],
    [{ backlog: -1 }, "backlog: -1 is not a number from 0 to 2147483647"],
    [{ mode: 0o1777 }, "mode: 1023 is not a mode from 0 to 0o777"],
    [{ mode: "0660" }, 'mode: "0660" is not a mode from 0 to 0o777'],
    [{ owner: "root" }, 'owner: "root" is not a user id'],
    [{ group: 2 ** 32 - 1 }, "group: 4294967295 is not a group id"],
    [{ allowUsers: 0 }, "allowUsers: 0 is not a list"],
    [{ allowUsers: ["root"] }, 'allowUsers: "root" is not a user id'],
    [{ proxyProtocol: "v3" }, 'proxyProtocol: "v3" is not one of v1, v2'],
    [{ acceptProxy: 1 }, "acceptProxy: 1 is neither true nor false"],
    [
      { source: "127.0.0.1:0", acceptProxy: true },
      "acceptProxy: needs acceptProxyFrom: any other client could claim any address",
    ],
    [
      { source: "127.0.0.1:0", acceptProxyFrom: ["::1"] },
      "acceptProxyFrom: makes sense only with acceptProxy",
    ],
    [{ fastPath: "no" }, 'fastPath: "no" is neither true nor false'],
    [
      { observer: { opened: true } },
      "observer: an object is not an object with a function for each",
    ],
    [{ observer: () => {} }, "observer: a function is not an object"],
    [{ signal: {} }, "signal: an object is not an AbortSignal"],
    [{ connectTimout: 5 }, 'there is no option "connectTimout"; did you mean connectTimeout?'],
    [
      { "connect-timeout": 5 },
      'there is no option "connect-timeout"; did you mean connectTimeout?',
    ],
    [{ verbose: true }, 'there is no option "verbose"'],
    [{ allow: ["10.0.0.0/8"] }, "allow: makes sense only if the source is a TCP address"],
    [{ source: "127.0.0.1:0", mode: 0o660 }, "mode: makes sense only if the source is a Unix"],
    [{ source: "127.0.0.1:0", allow: ["10.0.0.0/33"] }, 'allow: "10.0.0.0/33" needs a prefix'],
    [{ source: "127.0.0.1:0", allow: [{ network: "10.0.0.1", prefix: 8 }] }, "allow: "],
    [{ source: "127.0.0.1:0", deny: [17] }, "deny: 17 is not a range"],
    [{ source: "127.0.0.1:0", deny: "10.0.0.0/8" }, 'deny: "10.0.0.0/8" is not a list'],
    [{ source: 8080 }, "source: 8080 is not an address; write HOST:PORT or /PATH"],
    [{ source: undefined }, "source: undefined is not an address"],
    [{ destination: { kind: "tcp", host: "x" } }, "destination: an object is not an address"],
  ])("%j", async (options, message) => {
    const error = await refusal(options);
    expect(error).toBeInstanceOf(RelayError);
    expect(error).toMatchObject({ code: "EINVAL", message: expect.stringContaining(message) });
  });

  test.each<[Readonly<Record<string, unknown>>, string]>([
    [{ source: "nonsense" }, 'source "nonsense": neither a path'],
    [{ destination: "127.0.0.1:0" }, 'destination "127.0.0.1:0": port 0 is not within'],
    [{ destination: { kind: "tcp", host: "127.0.0.1", port: 70_000 } }, "destination "],
    [{ destination: { kind: "tcp", host: "a b", port: 1 } }, "destination "],
    [{ destination: { kind: "unix", path: "/run/\0" } }, "destination "],
    [{ destination: { kind: "systemd", name: "" } }, "destination "],
  ])("%j as an address", async (options, message) => {
    const error = await refusal(options);
    expect(error).toBeInstanceOf(AddressError);
    expect(error).toMatchObject({ message: expect.stringContaining(message) });
  });
});

test("an option that is undefined was not given", async () => {
  using source = temporarySource();
  await using relay = await createRelay({
    source: source.path,
    destination: "127.0.0.1:1",
    ...{ mode: undefined, workers: undefined, signal: undefined, observer: undefined },
  });
  expect(relay.connections).toBe(0);
});

test("ranges may be texts or parsed", async () => {
  const refused: string[] = [];
  const observer = { refused: (client: string) => void refused.push(client) };
  const listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const rules: Partial<RelayOptions>[] = [
    { deny: ["127.0.0.0/8"] },
    { deny: [parseCidr("127.0.0.0/8")] },
    { allow: ["10.0.0.0/8", parseCidr("192.0.2.1")] },
  ];
  for (const rule of rules) {
    await using relay = await createRelay({
      ...{ source: "127.0.0.1:0", destination: listener.endpoint, observer },
      ...rule,
    });
    const before = refused.length;
    const client = RawSocket.dial(relay.endpoint);
    await until(() => refused.length > before, "the refusal");
    client.close();
  }
  listener.close();
});

test("an observer may be an object of a class, and have more than events", async () => {
  class Watcher {
    readonly seen: string[] = [];
    listening(): void {
      this.seen.push("listening");
    }
  }
  const watcher: Watcher & Partial<Observer> = new Watcher();
  await using _relay = await createRelay({
    ...{ source: "127.0.0.1:0", destination: "127.0.0.1:1", observer: watcher },
  });
  expect(watcher.seen).toEqual(["listening"]);
});

describe.each([1, 2])("an AbortSignal, with %i threads", (workers) => {
  test("that was aborted before lets no relay start", async () => {
    using source = temporarySource();
    const signal = AbortSignal.abort(new Error("never mind"));
    const started = createRelay({
      ...{ source: source.path, destination: "127.0.0.1:1", signal, workers },
    });
    expect(await started.catch((error: unknown) => error)).toBe(signal.reason);
    expect(existsSync(source.path)).toBe(false);
  });

  test("that is aborted while the relay starts leaves nothing", async () => {
    using source = temporarySource();
    const controller = new AbortController();
    const stops: unknown[] = [];
    const started = createRelay({
      source: source.path,
      destination: "127.0.0.1:1",
      signal: controller.signal,
      workers,
      observer: { listening: () => controller.abort(), stopped: (stop) => void stops.push(stop) },
    });
    expect(await started.catch((error: unknown) => error)).toBe(controller.signal.reason);
    expect(stops).toHaveLength(1);
    expect(existsSync(source.path)).toBe(false);
  });

  test("stops the relay, which drains", async () => {
    using source = temporarySource();
    const controller = new AbortController();
    const listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const relay = await createRelay({
      ...{ source: source.path, destination: listener.endpoint, workers },
      signal: controller.signal,
    });
    const client = await RawSocket.connect(relay.endpoint);
    const destination = await listener.accept();
    controller.abort();
    await until(() => !existsSync(source.path), "the end of listening");
    expect(relay.connections).toBe(1);
    client.close();
    destination.close();
    await relay.stopped;
    expect(relay.connections).toBe(0);
    listener.close();
  });
});
