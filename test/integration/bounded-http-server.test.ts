import { afterEach, describe, expect, test } from "bun:test";
import { BoundedHttpServer } from "../../src/observe/admin/bounded-http-server.ts";
import { HTTP_LIMITS, type HttpLimits } from "../../src/observe/admin/http-limits.ts";
import { openListeners } from "../../src/relay/listen/open-listeners.ts";
import { RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";

const disposables: Disposable[] = [];
afterEach(() => {
  for (const one of disposables.splice(0).reverse()) one[Symbol.dispose]();
});

// More than the kernel holds for a connection.
const BODY = "0123456789abcdef".repeat(1024 * 1024);

interface Served {
  /** Requests that were answered. */
  readonly asked: string[];
  connect(text?: string): Promise<RawSocket>;
}

async function serve(limits: Partial<HttpLimits> = {}, body = "ok"): Promise<Served> {
  const asked: string[] = [];
  const server = new BoundedHttpServer(
    async ({ target }) => {
      asked.push(target);
      return { status: 200, headers: {}, body };
    },
    { ...HTTP_LIMITS, ...limits },
  );
  disposables.push(server);
  const { endpoint } = await server.listen((handlers) =>
    openListeners({ kind: "tcp", host: "127.0.0.1", port: 0 }, {}, handlers),
  );
  return {
    asked,
    async connect(text = "") {
      const client = await RawSocket.connect(endpoint, { receive: 4_096 });
      disposables.push(client);
      if (text !== "") client.trySend(Buffer.from(text));
      return client;
    },
  };
}

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

async function read(client: RawSocket): Promise<string> {
  let text = "";
  for (;;) {
    const got = await client.receive();
    if (got === "end") return text;
    if (typeof got === "string") throw new Error(`${got} after ${text.length} bytes`);
    text += Buffer.from(got).toString();
  }
}

describe("an answer larger than the kernel's buffers", () => {
  test("comes whole, then the end of stream", async () => {
    const { connect } = await serve({}, BODY);
    const answer = await read(await connect(GET));
    expect(answer.endsWith(`\r\n\r\n${BODY}`)).toBe(true);
  });

  test("that nobody reads is given up with a reset, so that it does not look whole", async () => {
    const { connect } = await serve({ answering: 100 }, BODY);
    const client = await connect(GET);
    await client.hangUp();
    expect(await client.readToEnd()).toMatchObject({ ending: "ECONNRESET" });
  });
});

test("an answer that the client has not read survives the server's closing", async () => {
  const { connect, asked } = await serve({ connections: 1, idleWhenScarce: 10 });
  const client = await connect(GET);
  await until(() => asked.length === 1, "the request");
  // The next one is served after the first was closed.
  expect(await read(await connect(GET))).toEndWith("ok");
  expect(await read(client)).toEndWith("\r\n\r\nok");
});

test("clients over the limit wait, and are served when others are done", async () => {
  const { connect, asked } = await serve({ connections: 2, idleWhenScarce: 60_000 });
  const [one, two] = [await connect(), await connect()];
  const three = await connect(GET.replace("/", "/three"));
  one.trySend(Buffer.from(GET.replace("/", "/one")));
  expect(await read(one)).toEndWith("ok");
  one.close();
  expect(await read(three)).toEndWith("ok");
  expect(asked).toEqual(["/one", "/three"]);
  two.close();
});

test("idle clients make way for those who wait", async () => {
  const { connect } = await serve({ connections: 2, idleWhenScarce: 200 });
  const idle = [await connect(), await connect("GET / HT")];
  expect(await read(await connect(GET))).toEndWith("ok");
  for (const client of idle) expect(await client.readToEnd()).toMatchObject({ length: 0 });
});

test("clients that cost more than their share wait until time has paid for it", async () => {
  // A busy machine may stand still for 100 ms within the first connection, which is 10 s at this
  // share: less than a test's patience.
  const { connect } = await serve({ processorShare: 0.01, processorBurst: 0.01 });
  await read(await connect(GET));
  const began = performance.now();
  await read(await connect(GET));
  // A connection costs 0.1 ms and more, which is 10 ms at this share.
  expect(performance.now() - began).toBeGreaterThan(5);
});
