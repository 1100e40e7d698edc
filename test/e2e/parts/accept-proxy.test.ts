import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { startRelay, type RunningRelay } from "../../support/process/executable.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { connectFrom } from "../../support/sockets/visitor.ts";
import {
  describeParts,
  type PartServer,
  sharedResources,
  startServer,
  temporaryFolder,
  TEST_TIMEOUT_MS,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

/** A way from the proxy to a relay; the client's own address chooses it. */
interface Way {
  readonly client: string;
  readonly version: "v1" | "v2";
  readonly source: "TCP" | "Unix";
}

const WAYS: readonly Way[] = [
  { client: "127.0.1.1", version: "v1", source: "TCP" },
  { client: "127.0.1.2", version: "v1", source: "Unix" },
  { client: "127.0.1.3", version: "v2", source: "TCP" },
  { client: "127.0.1.4", version: "v2", source: "Unix" },
];

/** A proxy that names its clients to the relays behind it. */
interface Proxy {
  readonly program: string;
  readonly ways: readonly Way[];
  readonly command: (file: string, folder: string) => readonly string[];
  readonly configuration: (
    folder: string,
    port: number,
    path: string,
    addressOf: (way: Way) => string,
  ) => string;
}

const haproxy: Proxy = {
  program: "haproxy",
  ways: WAYS,
  command: (file) => ["haproxy", "-db", "-f", file],
  configuration: (_folder, port, path, addressOf) => `
global
  stats socket ${path}
  nbthread 1
defaults
  mode tcp
  timeout connect 10s
  timeout client 30s
  timeout server 30s
  unique-id-format %[rand]-%[rand]-%[rand]
frontend in
  bind 127.0.0.1:${port}
${WAYS.map(({ client }) => `  use_backend ${client} if { src ${client} }`).join("\n")}
${WAYS.map(
  (way) => `
backend ${way.client}
  server relay ${way.source === "Unix" ? "unix@" : ""}${addressOf(way)} ${
    way.version === "v1" ? "send-proxy" : "send-proxy-v2 proxy-v2-options crc32c,unique-id"
  }
`,
).join("")}
`,
};

const nginx: Proxy = {
  program: "nginx",
  ways: WAYS.filter(({ version }) => version === "v1"),
  command: (file, folder) => ["nginx", "-p", folder, "-e", "stderr", "-c", file],
  configuration: (folder, port, path, addressOf) => `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 512; }
stream {
  map $remote_addr $relay {
${nginx.ways
  .map((way) => `    ${way.client} ${way.source === "Unix" ? "unix:" : ""}${addressOf(way)};`)
  .join("\n")}
  }
  server {
    listen 127.0.0.1:${port};
    listen unix:${path};
    proxy_protocol on;
    proxy_pass $relay;
  }
}
`,
};

for (const proxy of [haproxy, nginx])
  await describeParts(`behind ${proxy.program}`, [proxy.program], () => {
    const resources = sharedResources();
    let folder: string;
    let server: PartServer;
    let listener: RawListener;
    let relays: Record<Way["source"], RunningRelay>;

    beforeAll(async () => {
      folder = await temporaryFolder(resources);
      const path = join(folder, "destination");
      listener = resources.use(new RawListener({ kind: "unix", path }));
      const start = async (...args: string[]) =>
        resources.use(
          await startRelay([
            "--accept-proxy",
            "--proxy-protocol=v1",
            "--access-log",
            ...args,
            path,
          ]),
        );
      relays = {
        TCP: await start(
          "--accept-proxy-from=127.0.0.1",
          "--deny=127.0.0.1",
          `--metrics=${join(folder, "metrics")}`,
          "127.0.0.1:0",
        ),
        Unix: await start("--deny=127.0.0.1", join(folder, "source")),
      };
      const pathOf = (port: number) => join(folder, `proxy-${port}.sock`);
      server = await startServer(
        {
          command: async (port) => {
            const file = join(folder, "configuration");
            const addressOf = ({ source }: Way) => relays[source].address;
            await Bun.write(file, proxy.configuration(folder, port, pathOf(port), addressOf));
            return proxy.command(file, folder);
          },
          path: pathOf,
          stopSignal: "SIGTERM",
          log: join(folder, "log"),
        },
        resources,
      );
    });

    test.each(proxy.ways)("the relay knows the client: $version to $source", async (way) => {
      using client = await connectFrom(way.client, `127.0.0.1:${server.port}`);
      const payload = new Payload(1_000_000);
      const sending = client.pour(payload);
      using arrived = await listener.accept();
      const line = `PROXY TCP4 ${way.client} 127.0.0.1 ${client.ownPort} ${server.port}\r\n`;
      const heard = await arrived.receive(line.length);
      expect(typeof heard === "string" ? heard : Buffer.from(heard).toString()).toBe(line);
      expect(await arrived.read(payload.length)).toEqual(payload.received());
      await sending;
      const answering = arrived.pour(payload);
      expect(await client.read(payload.length)).toEqual(payload.received());
      await answering;
      client.close();
      arrived.close();
      await relays[way.source].logged(
        new RegExp(`"event":"access".*"client":"${way.client}:\\d+"`),
      );
    });

    test("whoever connects without the proxy's header is reset, and counted", async () => {
      using client = await RawSocket.connect(parseAddress(relays.TCP.address, "destination"));
      client.trySend(Buffer.from("GET / HTTP/1.0\r\n\r\n"));
      expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
      using stranger = await connectFrom("127.0.0.9", relays.TCP.address);
      expect(await stranger.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
      await relays.TCP.logged(/"event":"refused".*it sent no PROXY header/);
      await relays.TCP.logged(
        /"event":"refused".*"client":"127\.0\.0\.9:\d+".*--accept-proxy-from/,
      );
      const metrics = await fetch("http://relay/metrics", { unix: join(folder, "metrics") });
      expect(await metrics.text()).toMatch(
        /connections_refused_total\{[^}]*reason="it sent no PROXY header \(--accept-proxy\)"\} 1\n/,
      );
      expect(listener.tryAccept()).toBeNull();
    });
  });
