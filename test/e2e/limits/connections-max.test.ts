import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectEcho, type EchoClient, startEcho } from "../../support/sockets/echo.ts";
import { startRelay } from "../../support/process/executable.ts";
import { expectIdleProcess } from "../../support/process/idle.ts";
import { socketDescriptors } from "../../support/process/proc.ts";
import { until } from "../../support/waiting.ts";

const CLIENTS = 400;
// 128 files less the relay's reserve of 32 and two kernel's pipes, two a connection.
const CARRIED_BY_128_FILES = 46;

interface Limit {
  readonly name: string;
  readonly options: readonly string[];
  readonly prefix: readonly string[];
  readonly most: number;
}

const LIMITS: readonly Limit[] = [
  {
    name: "the limit of open files",
    options: [],
    prefix: ["prlimit", "--nofile=128:128"],
    most: CARRIED_BY_128_FILES,
  },
  {
    name: "a --connections-max above the limit of open files",
    options: ["--connections-max=1000"],
    prefix: ["prlimit", "--nofile=128:128"],
    most: CARRIED_BY_128_FILES,
  },
  { name: "--connections-max", options: ["--connections-max=10"], prefix: [], most: 10 },
];

const sources = ["TCP", "Unix"] as const;

test.each(LIMITS.flatMap((limit) => sources.map((source) => ({ ...limit, source }))))(
  "at $name 400 clients wait in the queue of a $source source, and all are served",
  async ({ options, prefix, most, source }) => {
    const folder = mkdtempSync(join(tmpdir(), "limits-"));
    try {
      using server = startEcho();
      const address = source === "TCP" ? "127.0.0.1:0" : join(folder, "socket");
      await using relay = await startRelay([...options, address, server.address], { prefix });
      expect(relay.stderr()).toContain(`"connections_max":${most}`);
      const atStart = socketDescriptors(relay.pid).length;
      const clients = await Promise.all(
        Array.from({ length: CLIENTS }, () => connectEcho(relay.address)),
      );
      const answers = clients.map((client) => client.ask("hello"));

      let served = 0;
      for (const answer of answers) void answer.then(() => (served += 1));
      await until(() => served === most, `the first ${most} clients to be served`);
      await relay.logged(new RegExp(`"event":"full","open":${most}[,}]`));
      await expectIdleProcess(relay.pid);
      expect(served).toBe(most);
      expect(server.open).toBe(most);

      await leaveInTurn(clients, answers);
      expect(served).toBe(CLIENTS);
      await until(
        () => socketDescriptors(relay.pid).length === atStart,
        "all descriptors to be closed",
      );
      expect(await relay.stop()).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

/** Each leaves as soon as it is served. */
async function leaveInTurn(
  clients: readonly EchoClient[],
  answers: readonly Promise<void>[],
): Promise<void> {
  await Promise.all(
    clients.map(async (client, index) => {
      await answers[index];
      client[Symbol.dispose]();
      await client.closed;
    }),
  );
}

test.each(["1", "2"])("log, status and metrics say what %s workers carry", async (workers) => {
  const folder = mkdtempSync(join(tmpdir(), "limits-"));
  try {
    const admin = join(folder, "admin");
    await using relay = await startRelay(
      ["--connections-max=1000", `--workers=${workers}`, `--admin=${admin}`, "127.0.0.1:0", ":1"],
      { prefix: ["prlimit", "--nofile=256:256"] },
    );
    const most = Number(/"connections_max":(\d+)/.exec(relay.stderr())?.[1]);
    expect(most).toBeWithin(10, 128);
    await relay.logged(new RegExp(`--connections-max is 1000, .* carries ${most}:`));
    const ask = async (path: string) => {
      const answer = await fetch(`http://localhost${path}`, { unix: admin });
      return await answer.text();
    };
    expect(JSON.parse(await ask("/status"))).toMatchObject({ connections: { max: most } });
    expect(await ask("/metrics")).toMatch(
      new RegExp(`^simpletcpunixrelay_connections_max\\{.*\\} ${most}$`, "m"),
    );
    expect(await relay.stop()).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("when descriptors run out by somebody else's doing, clients wait and the relay sleeps", async () => {
  using server = startEcho();
  await using relay = await startRelay([
    "--connections-max=1000",
    "--connect-timeout=1min",
    "127.0.0.1:0",
    server.address,
  ]);
  const { exitCode } = Bun.spawnSync(["prlimit", `--pid=${relay.pid}`, "--nofile=64:64"]);
  expect(exitCode).toBe(0);
  const clients = await Promise.all(Array.from({ length: 200 }, () => connectEcho(relay.address)));
  const answers = clients.map((client) => client.ask("hello"));
  await relay.logged(/no descriptor is left.*"event":"full","limit":"open_files"/);
  // The second in which the shortage was noticed is over by then.
  await Bun.sleep(1_500);
  await expectIdleProcess(relay.pid);
  await leaveInTurn(clients, answers);
  await relay.logged(/"event":"accepting_again","limit":"open_files","full_ms":\d+/);
  expect(await relay.stop()).toBe(0);
});
