import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RelayError, type SocketEndpoint } from "../../src/index.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { RelayPlan } from "../../src/process/process-plan.ts";
import { RelaysOfProcess } from "../../src/process/relays-of-process.ts";
import { StartError } from "../../src/process/start-error.ts";
import { relayOpener } from "../../src/workers/open-with-workers.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";

const LOOPBACK = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
let after = new AsyncDisposableStack();

afterEach(async () => {
  await after.disposeAsync();
  after = new AsyncDisposableStack();
});

/** The relays of a file before one destination. */
async function openGroup(
  workers: number,
  plans: readonly RelayPlan[],
): Promise<{ readonly group: RelaysOfProcess; readonly listener: RawListener }> {
  const listener = new RawListener(LOOPBACK);
  after.defer(async () => listener.close());
  const { open: openRelay } = relayOpener(workers);
  const group = await RelaysOfProcess.open(
    plans,
    ({ source }) => source as SocketEndpoint,
    (plan, source) => openRelay({ ...plan.settings, source, destination: listener.endpoint }),
  );
  after.defer(() => group.stop({ drainTimeout: 0 }));
  return { group, listener };
}

function plansOf(...sources: readonly string[]): readonly RelayPlan[] {
  const relays = sources.map((source, index) => [
    ...[`[relay.r${index}]`, `source = "${source}"`, 'destination = "@elsewhere"'],
  ]);
  return parseConfig("x.toml", relays.flat().join("\n")).relays;
}

describe.each([1, 3])("the relays of a process, with %i threads", (workers) => {
  test("stop together where nobody is, and not one of them where somebody is at another", async () => {
    const { group, listener } = await openGroup(
      workers,
      plansOf("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"),
    );
    const [first, , last] = group.endpoints;
    if (first === undefined || last === undefined) throw new Error("there are three");
    const client = await RawSocket.connect(last);
    const destination = await listener.accept();
    expect(await group.stopIfIdle()).toBe(false);
    // All accept as before.
    for (const endpoint of group.endpoints) {
      const another = await RawSocket.connect(endpoint);
      (await listener.accept()).close();
      another.close();
    }
    client.close();
    destination.close();
    await until(() => group.connections === 0, "the end of all connections");
    expect(await group.stopIfIdle()).toBe(true);
    const refused = await RawSocket.connect(first).catch((error: unknown) => error);
    expect(refused).toMatchObject({ errno: "ECONNREFUSED" });
  });

  test("of a new process accept nobody, and have not begun, if one of them fails", async () => {
    const folder = mkdtempSync(join(tmpdir(), "group-"));
    after.defer(async () => rmSync(folder, { recursive: true }));
    const path = join(folder, "source");
    const heard: string[] = [];
    const { open: openRelay } = relayOpener(workers);
    const opening = RelaysOfProcess.open(
      plansOf(path, join(folder, "missing/source")),
      ({ source }) => source as SocketEndpoint,
      ({ name, settings }, source) =>
        openRelay(
          {
            ...{ ...settings, source, destination: { kind: "abstract", name: "elsewhere" } },
            observer: {
              listening: () => void heard.push(`${name} listens`),
              stopped: ({ cause }) => void heard.push(`${name} stopped: ${cause}`),
            },
          },
          { awaitsAccept: true },
        ),
      { isSuccessor: true },
    );
    const error: unknown = await opening.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    expect(heard).toEqual(["r0 stopped: given back"]);
    expect(existsSync(path)).toBe(false);
  });

  test("start all or none, and tell what failed of each", async () => {
    const folder = mkdtempSync(join(tmpdir(), "group-"));
    after.defer(async () => rmSync(folder, { recursive: true }));
    const path = join(folder, "source");
    const plans = plansOf(path, join(folder, "missing/source"), "192.0.2.1:1");
    const error: unknown = await openGroup(workers, plans).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    if (!(error instanceof StartError)) return;
    const told = error.failures.map(({ plan, error: { code } }) => `${plan?.name}: ${code}`);
    expect(told.sort()).toEqual(["r1: ENOENT", "r2: EADDRNOTAVAIL"]);
    for (const failure of error.failures) expect(failure.error).toBeInstanceOf(RelayError);
    expect(existsSync(path)).toBe(false);
  });
});
