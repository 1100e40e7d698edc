import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { CURL, startNginx } from "./nginx.ts";
import { ROUTES, throughRelays, type Entry } from "./route.ts";
import {
  describeParts,
  hashOfFile,
  sharedResources,
  startServer,
  succeed,
  temporaryFolder,
  eventually,
  writeNoise,
  type PartServer,
  TEST_TIMEOUT_MS,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const CHECKS = 50;

await describeParts("HAProxy in front", ["haproxy", "nginx", "curl", "socat"], () => {
  const resources = sharedResources();
  let folder: string;
  let server: PartServer;

  beforeAll(async () => {
    folder = await temporaryFolder(resources);
    server = await startNginx(folder, resources);
    await writeNoise(join(folder, "files/page"), 1 << 20);
  });

  for (const route of ROUTES)
    test(`requests beside health checks that reset: ${route}`, async () => {
      await throughRelays(route, server, folder, async (entry) => {
        await using proxies = new AsyncDisposableStack();
        const proxy = await startHaproxy(folder, entry, proxies);
        const page = await hashOfFile(join(folder, "files/page"));
        const got = Array.from({ length: 40 }, (_, index) => join(folder, `got-${index}`));
        await succeed([
          ...[...CURL, "--parallel", "--parallel-max", "8", "--fail"],
          ...got.flatMap((file) => ["-o", file, `http://127.0.0.1:${proxy.port}/files/page`]),
        ]);
        for (const file of got) {
          expect(await hashOfFile(file)).toBe(page);
          await Bun.file(file).delete();
        }
        const before = await accepted(server);
        await eventually(
          `${CHECKS} more health checks`,
          async () => (await accepted(server)) >= before + CHECKS,
        );
        expect(await failedChecks(proxy)).toBe("0");
      });
    });
});

/** Its frontend is an HTTP port, its backend the relay; `path` is its statistics socket. */
function startHaproxy(
  folder: string,
  entry: Entry,
  owner: AsyncDisposableStack,
): Promise<PartServer> {
  const pathOf = (port: number) => join(folder, `haproxy-${port}.sock`);
  return startServer(
    {
      command: async (port) => {
        const file = join(folder, "haproxy.cfg");
        await Bun.write(file, configuration(entry, port, pathOf(port)));
        return ["haproxy", "-db", "-f", file];
      },
      path: pathOf,
      stopSignal: "SIGTERM",
      log: join(folder, "haproxy.log"),
    },
    owner,
  );
}

function configuration(entry: Entry, port: number, path: string): string {
  const relay = entry.kind === "unix" ? `unix@${entry.path}` : `127.0.0.1:${entry.port}`;
  return `
global
  stats socket ${path}
  nbthread 1
defaults
  mode http
  timeout connect 10s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server relay ${relay} check inter 20ms
`;
}

/** How many connections nginx has accepted; asking is one more. */
async function accepted(server: PartServer): Promise<number> {
  const text = await succeed([...CURL, "--unix-socket", server.path, "http://relay/status"]);
  return Number(/^ (\d+) /m.exec(text)?.[1]);
}

/** The column `chkfail` of HAProxy's table of servers. */
async function failedChecks(proxy: PartServer): Promise<string | undefined> {
  const table = await succeed(["socat", "-t", "10", "-", `UNIX-CONNECT:${proxy.path}`], {
    stdin: "show stat\n",
  });
  const rows = table.split("\n").map((line) => line.replace(/^# /, "").split(","));
  const column = rows[0]?.indexOf("chkfail") ?? -1;
  return rows.find(([backend, name]) => backend === "out" && name === "relay")?.[column];
}
