import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { executablePath, type RunningRelay } from "../../support/process/executable.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { socketDescriptors } from "../../support/process/proc.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { type Greeter, GREETING, startGreeter } from "../../support/sockets/visitor.ts";
import { until } from "../../support/waiting.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

/** What the tests of a file share: a destination that greets, and places for sources. */
export function accessBench() {
  const folder = folderForTests("access");
  // Other users pass through it.
  chmodSync(folder, 0o711);
  let greeter: Greeter;
  beforeAll(async () => {
    greeter = await startGreeter();
  });
  afterAll(() => greeter[Symbol.asyncDispose]());

  let names = 0;
  /** A path for a socket that nobody else uses. */
  function freshPath(): string {
    names += 1;
    return join(folder, `source-${names}`);
  }

  /** A relay whose source is a descriptor that it is started with. */
  async function startInherited(listener: RawListener, options: readonly string[]) {
    const child = Bun.spawn([await executablePath(), ...options, "fd:3", greeter.address], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["ignore", "ignore", "pipe", listener.fd],
    });
    const [first, second] = child.stderr.tee();
    return {
      exited: child.exited,
      stderr: new Response(second).text(),
      /** Settles with the first that it says. */
      get listens(): Promise<unknown> {
        return first.getReader().read();
      },
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await child.exited;
      },
    };
  }

  return { folder, freshPath, greeter: () => greeter, startInherited };
}

/** Stops the relay; what it has said of those whom it refused. */
export async function toTheEnd(
  relay: RunningRelay,
): Promise<{ client: unknown; reason: unknown; count: number }[]> {
  expect(await relay.stop()).toBe(0);
  return entriesOf(relay.stderr(), "refused").map(({ level, client, reason, count = 1 }) => {
    // A line without a count is about one client.
    expect(level).toBe("warn");
    return { client, reason, count: Number(count) };
  });
}

export function socketsOf(relay: RunningRelay): number {
  return socketDescriptors(relay.pid).length;
}

/** Goes on once the relay holds no more sockets than it did. */
export function socketsAre(relay: RunningRelay, before: number): Promise<void> {
  return until(
    () => socketsOf(relay) === before,
    () => `the relay to hold ${before} sockets, not ${socketsOf(relay)}`,
  );
}

/** `served`, or how a client was turned away. */
export async function visit(socket: RawSocket): Promise<string> {
  const received = await socket.receive();
  return typeof received !== "string" && Buffer.from(received).toString() === GREETING
    ? "served"
    : String(received);
}
