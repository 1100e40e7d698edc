import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { parseAddress, type ProxyVersion } from "../../../src/index.ts";
import { startRelay, type RunningRelay } from "../../support/process/executable.ts";
import { RawSocket } from "../../support/sockets/raw-socket.ts";
import { portIn } from "../../support/sockets/socket-name.ts";
import { system } from "../../support/process/system-calls.ts";
import { connectFrom, ipv6Loopback } from "../../support/sockets/visitor.ts";
import { nginxHead } from "./nginx.ts";
import {
  describeParts,
  type PartServer,
  sharedResources,
  startServer,
  temporaryFolder,
  TEST_TIMEOUT_MS,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

/** A server that demands the header and answers any request with what it says. */
interface Receiver {
  readonly program: string;
  /** The versions that it takes of a Unix client. */
  readonly versionsOfUnix: readonly ProxyVersion[];
  readonly command: (file: string, folder: string) => readonly string[];
  readonly configuration: (folder: string, port: number, path: string) => string;
}

const haproxy: Receiver = {
  program: "haproxy",
  // Up to 3.5-dev5 it takes the first bytes of an AF_UNIX header for a broken TLV.
  versionsOfUnix: ["v1"],
  command: (file) => ["haproxy", "-db", "-f", file],
  configuration: (_, port, path) => `
global
  nbthread 1
defaults
  mode http
  timeout connect 10s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port} accept-proxy
  bind unix@${path} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
`,
};

const nginx: Receiver = {
  program: "nginx",
  versionsOfUnix: ["v1", "v2"],
  command: (file, folder) => ["nginx", "-p", folder, "-e", "stderr", "-c", file],
  configuration: (folder, port, path) => `${nginxHead(folder)}  server {
    listen 127.0.0.1:${port} proxy_protocol;
    listen unix:${path} proxy_protocol;
    location / {
      return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
    }
  }
}
`,
};

for (const receiver of [haproxy, nginx])
  await describeParts(`${receiver.program} behind a relay`, [receiver.program], () => {
    const resources = sharedResources();
    let folder: string;
    let server: PartServer;

    beforeAll(async () => {
      folder = await temporaryFolder(resources);
      const pathOf = (port: number) => join(folder, `receiver-${port}.sock`);
      server = await startServer(
        {
          command: async (port) => {
            const file = join(folder, "configuration");
            await Bun.write(file, receiver.configuration(folder, port, pathOf(port)));
            return receiver.command(file, folder);
          },
          path: pathOf,
          stopSignal: "SIGTERM",
          log: join(folder, "log"),
        },
        resources,
      );
    });

    const destinations = { TCP: () => `127.0.0.1:${server.port}`, Unix: () => server.path };
    const cases = (["v1", "v2"] as const).flatMap((version) =>
      (["TCP", "Unix"] as const).map((to) => [version, to] as const),
    );

    test.each(cases)("is told by %s over %s who a TCP client is", async (version, to) => {
      await using relay = await startRelay([
        `--proxy-protocol=${version}`,
        ...["127.0.0.1:0", destinations[to]()],
      ]);
      const from = ["127.0.0.1", "127.0.0.5", "127.200.100.50"];
      for (const address of from) await hearsOf(relay, address, "127.0.0.1");
    });

    test.skipIf(!ipv6Loopback.present()).each(cases)(
      "is told by %s over %s who clients of both families are",
      async (version, to) => {
        await using relay = await startRelay([
          `--proxy-protocol=${version}`,
          ...["[::]:0", destinations[to]()],
        ]);
        await hearsOf(relay, "::1", "::1");
        await hearsOf(relay, "127.0.0.6", "127.0.0.7");
      },
    );

    // A client that has no IP address: the server goes by the connection that it sees itself.
    const casesOfUnix = cases.filter(([version]) => receiver.versionsOfUnix.includes(version));
    test.each(casesOfUnix)("takes by %s over %s a Unix client", async (version, to) => {
      const path = join(folder, `source-${version}-${to}`);
      await using _relay = await startRelay([
        `--proxy-protocol=${version}`,
        ...[path, destinations[to]()],
      ]);
      using client = await RawSocket.connect({ kind: "unix", path });
      expect((await ask(client)).status).toBe("200");
    });
  });

/** Asks through a relay: the answer names this very client and where it connected to. */
async function hearsOf(relay: RunningRelay, from: string, to: string): Promise<void> {
  using client = await connectFrom(from, relay.address, to);
  const source = parseAddress(relay.address, "source");
  if (source.kind !== "tcp") throw new Error(`${relay.address} is no TCP address`);
  expect(await ask(client)).toEqual({
    status: "200",
    body: `${from} ${portIn(system.ownName(client.fd))} ${to} ${source.port}`,
  });
}

async function ask(client: RawSocket): Promise<{ status: string; body: string }> {
  client.trySend(Buffer.from("GET / HTTP/1.0\r\n\r\n"));
  let text = "";
  for (;;) {
    const received = await client.receive();
    if (typeof received === "string") break;
    text += Buffer.from(received).toString();
  }
  const [, status = "", body = ""] = /^HTTP\/1\.[01] (\d+) .*?\r\n\r\n(.*)$/s.exec(text) ?? [];
  return { status, body };
}
