import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SocketEndpoint } from "../../src/index.ts";
import { libc } from "../../src/os/libc.ts";
import type { HandedSource, PlacedFile, Source } from "../../src/relay/kinds-of-source.ts";
import type { RelayOptions } from "../../src/relay/options.ts";
import type { HandoverRelay } from "../../src/relay/relay-interface.ts";
import type { RelayStart } from "../../src/relay/relay-context.ts";
import { startRelay } from "../../src/relay/running-relay.ts";
import { startPooledRelay } from "../../src/workers/pooled-relay.ts";
import { startEcho, type EchoServer } from "../support/sockets/echo.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawSocket } from "../support/sockets/raw-socket.ts";
import { parseAddress } from "../../src/index.ts";
import { socketDescriptors } from "../support/process/proc.ts";
import { puppetPool } from "../support/threads/puppets.ts";
import { turn, until } from "../support/waiting.ts";

const PAYLOAD = new Payload(1_000);

if (libc === null) throw new Error("these tests need FFI");
const system = libc;

let folder: string;
let echo: EchoServer;
let descriptors: number;
const relays: HandoverRelay[] = [];
const heard: string[] = [];

beforeEach(() => {
  descriptors = socketDescriptors("self").length;
  folder = mkdtempSync(join(tmpdir(), "handed-source-"));
  echo = startEcho();
  heard.length = 0;
});

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop({ drainTimeout: 0 })));
  echo[Symbol.dispose]();
  rmSync(folder, { recursive: true });
  await until(
    () => socketDescriptors("self").length <= descriptors,
    "all descriptors to be closed",
  );
});

/** Descriptors of its own for the next relay, as another process would get. */
function duplicated(handed: HandedSource): HandedSource {
  return { ...handed, fds: handed.fds.map((fd) => system.duplicate(fd)) };
}

async function exchange(client: RawSocket): Promise<void> {
  await client.send(PAYLOAD);
  expect(await client.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
}

async function visit(endpoint: SocketEndpoint): Promise<void> {
  using client = await RawSocket.connect(endpoint);
  await exchange(client);
}

const SOURCES: readonly (readonly [string, () => SocketEndpoint])[] = [
  ["TCP", () => ({ kind: "tcp", host: "127.0.0.1", port: 0 })],
  ["Unix", () => ({ kind: "unix", path: join(folder, "socket") })],
  ["abstract", () => ({ kind: "abstract", name: `handed-source-${crypto.randomUUID()}` })],
];

/** Lets everything run that could accept a client that waits. */
async function turnMuch(relay: HandoverRelay): Promise<void> {
  for (let turns = 0; turns < 50; turns += 1) {
    await relay.responds();
    await turn();
  }
}

describe.each([1, 3])("a source handed on to a relay of %i threads", (workers) => {
  async function start(
    source: Source,
    options: Partial<RelayOptions> = {},
    given: RelayStart = { awaitsAccept: source.kind === "handed" },
  ) {
    const name = `relay ${relays.length + 1}`;
    const all: RelayOptions = {
      source,
      destination: parseAddress(echo.address, "destination"),
      observer: {
        listening: () => void heard.push(`${name} listens`),
        draining: (open) => void heard.push(`${name} drains ${open}`),
        stopped: ({ cause, cut }) => void heard.push(`${name} stopped: ${cause}, ${cut} cut`),
      },
      ...options,
    };
    const relay =
      workers === 1
        ? await startRelay(all, given)
        : await startPooledRelay(system, all, puppetPool(workers), given);
    relays.push(relay);
    return relay;
  }

  describe.each(SOURCES)("%s", (_, sourceOf) => {
    test("is served by whoever accepts, and old connections go on", async () => {
      const first = await start(sourceOf());
      using held = await RawSocket.connect(first.endpoint);
      await exchange(held);
      const second = await start(duplicated(first.forHandover()));
      expect(second.endpoint).toEqual(first.endpoint);
      await visit(first.endpoint);
      await until(() => first.connections === 1, "the visit to end");
      second.accept();
      await first.leave();
      for (let visits = 0; visits < 20; visits += 1) await visit(first.endpoint);
      expect(first.connections).toBe(1);
      await exchange(held);
      held.close();
      await first.stopped;
      await visit(second.endpoint);
      expect(heard).toEqual([
        "relay 1 listens",
        "relay 2 listens",
        "relay 1 drains 1",
        "relay 1 stopped: handed over, 0 cut",
      ]);
    });

    test("accepts nobody before it is told to", async () => {
      const first = await start(sourceOf());
      const second = await start(duplicated(first.forHandover()));
      await first.leave();
      using client = await RawSocket.connect(first.endpoint);
      await client.send(PAYLOAD);
      await turnMuch(second);
      expect(second.connections).toBe(0);
      expect(heard).not.toContain("relay 2 listens");
      second.accept();
      expect(await client.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
    });

    test("is left alone by a relay that gives it back before it accepted", async () => {
      const first = await start(sourceOf());
      const second = await start(duplicated(first.forHandover()));
      await second.giveBack();
      await second.stopped;
      expect(heard).toContain("relay 2 stopped: given back, 0 cut");
      await visit(first.endpoint);
    });

    test("a stop after leaving ends the old connections by its drain", async () => {
      const first = await start(sourceOf());
      using held = await RawSocket.connect(first.endpoint);
      await exchange(held);
      const second = await start(duplicated(first.forHandover()));
      second.accept();
      await first.leave();
      await first.stop({ drainTimeout: 0 });
      expect(heard).toContain("relay 1 stopped: handed over, 1 cut");
      await visit(second.endpoint);
    });
  });

  describe.each(SOURCES)("in a new process, a source of its own: %s", (_, sourceOf) => {
    test("is served only after the relay is told to accept", async () => {
      const relay = await start(sourceOf(), {}, { awaitsAccept: true });
      using client = await RawSocket.connect(relay.endpoint);
      await client.send(PAYLOAD);
      await turnMuch(relay);
      expect(relay.connections).toBe(0);
      expect(heard).toEqual([]);
      relay.accept();
      expect(await client.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
      expect(heard).toEqual(["relay 1 listens"]);
    });

    test("goes with its file, and nobody was served, if the relay is given back", async () => {
      const relay = await start(sourceOf(), {}, { awaitsAccept: true });
      using client = await RawSocket.connect(relay.endpoint);
      await relay.giveBack();
      await relay.stopped;
      expect(heard).toEqual(["relay 1 drains 0", "relay 1 stopped: given back, 0 cut"]);
      expect(relay.lastId).toBe(0);
      expect((await client.readToEnd()).length).toBe(0);
      if (relay.endpoint.kind === "unix") expect(existsSync(relay.endpoint.path)).toBe(false);
    });

    test("goes with its file also if the relay is given back after it accepted", async () => {
      const relay = await start(sourceOf(), {}, { awaitsAccept: true });
      relay.accept();
      await visit(relay.endpoint);
      await relay.giveBack();
      await relay.stopped;
      expect(heard.at(-1)).toBe("relay 1 stopped: given back, 0 cut");
      if (relay.endpoint.kind === "unix") expect(existsSync(relay.endpoint.path)).toBe(false);
    });
  });

  test("a Unix source's file stays the same and goes with the last relay", async () => {
    const path = join(folder, "socket");
    let last = await start({ kind: "unix", path });
    const { ino } = lstatSync(path);
    for (let generation = 0; generation < 3; generation += 1) {
      const next = await start(duplicated(last.forHandover()));
      next.accept();
      await last.leave();
      last = next;
      expect(lstatSync(path).ino).toBe(ino);
    }
    await last.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("a Unix source's file is told of by the relay that places it, and by no other", async () => {
    const path = join(folder, "socket");
    const placed: PlacedFile[] = [];
    const told = { placed: (file: PlacedFile) => void placed.push(file) };
    const first = await start({ kind: "unix", path }, {}, told);
    const handed = first.forHandover();
    await start(duplicated(handed), {}, { awaitsAccept: true, ...told });
    expect(handed.file).not.toBeNull();
    expect(placed).toMatchObject([{ path, identity: handed.file }]);
  });

  test("is handed on while all places are taken", async () => {
    const first = await start(
      { kind: "unix", path: join(folder, "socket") },
      { connectionsMax: 1 },
    );
    using held = await RawSocket.connect(first.endpoint);
    await exchange(held);
    using waiting = await RawSocket.connect(first.endpoint);
    await waiting.send(PAYLOAD);
    const second = await start(duplicated(first.forHandover()));
    second.accept();
    await first.leave();
    expect(await waiting.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
    await exchange(held);
    held.close();
    await first.stopped;
  });

  test("the capture of a relay that left ends where its file is full", async () => {
    const capture = join(folder, "capture");
    const reasons: string[] = [];
    const first = await start(
      { kind: "unix", path: join(folder, "socket") },
      {
        ...{ capture, captureMax: 100_000 },
        observer: { captureEnded: (_, reason) => void reasons.push(reason) },
      },
    );
    using held = await RawSocket.connect(first.endpoint);
    await exchange(held);
    const second = await start(duplicated(first.forHandover()));
    second.accept();
    await first.leave();
    // Twice what the file may hold, there and back.
    for (let rounds = 0; rounds < 100; rounds += 1) await exchange(held);
    await until(() => reasons.length > 0, "the end of the capture");
    expect(reasons).toEqual(["its file is full, and the next process captures now"]);
    // The path is the next process's own.
    expect(existsSync(`${capture}.1`)).toBe(false);
  });
});
