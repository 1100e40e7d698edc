import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { startListener } from "./listener.ts";
import { ROUTES, throughRelays, type Entry } from "./route.ts";
import { sharedResources, temporaryFolder, type PartServer, TEST_TIMEOUT_MS } from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

// As the Docker API's attach and exec: an HTTP request turns the connection into a raw stream, on
// which the client's end of input is a half-close and the process's last output comes after it.
const REQUEST =
  "POST /v1.43/exec/0/start HTTP/1.1\r\nHost: docker\r\n" +
  "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n";
const RESPONSE =
  "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" +
  "Content-Type: application/vnd.docker.raw-stream\r\n\r\n";
const LAST_WORDS = "the process's last words\n";

describe("an HTTP connection hijacked for a raw stream", () => {
  const resources = sharedResources();
  let folder: string;
  let server: PartServer;

  beforeAll(async () => {
    folder = await temporaryFolder(resources);
    server = await startListener(folder, resources, hijack);
  });

  test.each(ROUTES)("%s", async (route) => {
    await throughRelays(route, server, folder, async (entry) => {
      const client = open(entry);
      const receive = receiver(client);
      client.write(REQUEST);
      await receive(RESPONSE);
      for (const line of ["one\n", "two\n", "x".repeat(1 << 20)]) {
        client.write(line);
        await receive(line.toUpperCase());
      }
      client.end();
      await receive(LAST_WORDS);
      await once(client, "close");
    });
  });
});

function open(entry: Entry): Socket {
  const where =
    entry.kind === "unix" ? { path: entry.path } : { host: "127.0.0.1", port: entry.port };
  return connect({ ...where, allowHalfOpen: true });
}

/** Waits until the client has received as many bytes as expected, and compares. */
function receiver(client: Socket): (expected: string) => Promise<void> {
  let received = "";
  let wake = Promise.withResolvers<void>();
  const news = (chunk = "") => {
    received += chunk;
    wake.resolve();
    wake = Promise.withResolvers();
  };
  client.setEncoding("latin1");
  client.on("data", news);
  client.on("close", () => news());
  return async (expected) => {
    while (received.length < expected.length && !client.closed) await wake.promise;
    expect(received).toBe(expected);
    received = "";
  };
}

/** Answers the request, then plays a process that shouts its input back. */
function hijack(client: Socket): void {
  let request = "";
  let upgraded = false;
  client.on("data", (chunk: Buffer) => {
    if (upgraded) {
      client.write(chunk.toString().toUpperCase());
      return;
    }
    request += chunk.toString();
    if (request !== REQUEST) return;
    upgraded = true;
    client.write(RESPONSE);
  });
  client.on("end", () => setTimeout(() => client.end(LAST_WORDS), 500));
}
