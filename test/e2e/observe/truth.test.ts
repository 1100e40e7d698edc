import { expect, test } from "bun:test";
import type { Socket } from "bun";
import { metricsOf, metricBecomes, startWatched } from "./admin.ts";

const CONNECTIONS = 1_000;
const AT_ONCE = 25;
const MOST_BYTES = 100_000;

/** How a connection is to end once everything has arrived. */
const ENDS = ["finished", "client reset", "destination reset"] as const;
type End = (typeof ENDS)[number];

/** What one side of the test has seen. */
interface Ledger {
  sent: number;
  received: number;
}

interface Task {
  readonly up: number;
  readonly down: number;
  readonly end: End;
}

// A header in front of the bytes tells the destination what is to come, what to answer and how to
// end.
const HEADER_BYTES = 9;

function headerOf({ up, down, end }: Task): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(up, 0);
  header.writeUInt32BE(down, 4);
  header.writeUInt8(ENDS.indexOf(end), 8);
  return header;
}

/** Writes all of some bytes, as the socket takes them. */
class Outbox {
  #rest: Uint8Array = new Uint8Array(0);

  constructor(readonly ledger: Ledger) {}

  send(socket: Socket<unknown>, bytes: Uint8Array): void {
    this.#rest = bytes;
    this.more(socket);
  }

  more(socket: Socket<unknown>): void {
    if (this.#rest.length === 0) return;
    const taken = Math.max(socket.write(this.#rest), 0);
    this.ledger.sent += taken;
    this.#rest = this.#rest.subarray(taken);
  }
}

interface Guest {
  readonly outbox: Outbox;
  head: Buffer;
  received: number;
  task: Task | null;
}

/** A service that carries out its side of each task. */
function startService(ledger: Ledger) {
  const listener = Bun.listen<Guest>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = {
          outbox: new Outbox(ledger),
          head: Buffer.alloc(0),
          received: 0,
          task: null,
        };
      },
      data(socket, bytes) {
        const guest = socket.data;
        ledger.received += bytes.length;
        guest.received += bytes.length;
        if (guest.task === null) {
          guest.head = Buffer.concat([guest.head, bytes]);
          if (guest.head.length < HEADER_BYTES) return;
          guest.task = readHeader(guest.head);
        }
        if (guest.received === HEADER_BYTES + guest.task.up)
          guest.outbox.send(socket, new Uint8Array(guest.task.down + 1));
      },
      drain: (socket) => socket.data.outbox.more(socket),
      end(socket) {
        // The client has everything and says so by its end.
        if (socket.data.task?.end === "destination reset") socket.terminate();
        else socket.end();
      },
    },
  });
  return {
    address: `127.0.0.1:${listener.port}`,
    [Symbol.dispose]: () => listener.stop(true),
  };
}

function readHeader(head: Buffer): Task {
  return {
    up: head.readUInt32BE(0),
    down: head.readUInt32BE(4),
    end: ENDS[head.readUInt8(8)] ?? "finished",
  };
}

/** Carries out the client's side of a task; settles when its connection is over. */
async function carryOut(task: Task, port: number, ledger: Ledger): Promise<void> {
  const over = Promise.withResolvers<void>();
  const outbox = new Outbox(ledger);
  let received = 0;
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    allowHalfOpen: true,
    socket: {
      open: (socket) =>
        outbox.send(socket, Buffer.concat([headerOf(task), new Uint8Array(task.up)])),
      drain: (socket) => outbox.more(socket),
      data(socket, bytes) {
        ledger.received += bytes.length;
        received += bytes.length;
        if (received < task.down + 1) return;
        if (task.end === "client reset") socket.terminate();
        else socket.shutdown();
      },
      close: () => over.resolve(),
    },
  });
  await over.promise;
}

test.each([1, 3])(
  "after 1,000 random connections the counters say what both ends saw, workers: %i",
  async (workers) => {
    const [here, there]: [Ledger, Ledger] = [
      { sent: 0, received: 0 },
      { sent: 0, received: 0 },
    ];
    using service = startService(there);
    await using relay = await startWatched([
      `--workers=${workers}`,
      "127.0.0.1:0",
      service.address,
    ]);
    const port = Number(relay.address.split(":")[1]);
    const tasks = Array.from({ length: CONNECTIONS }, randomTask);
    const left = [...tasks];
    const hands = Array.from({ length: AT_ONCE }, async () => {
      for (let task = left.pop(); task !== undefined; task = left.pop())
        await carryOut(task, port, here);
    });
    await Promise.all(hands);
    // Workers report their connections late: none may be open although more are to come.
    const counted = await metricBecomes(
      relay.admin,
      "connection_duration_seconds_count",
      (count) => count === CONNECTIONS,
    );

    expect(here.sent).toBe(there.received);
    expect(there.sent).toBe(here.received);
    expect(counted.get('received_bytes_total{from="client"}')).toBe(here.sent);
    expect(counted.get('received_bytes_total{from="destination"}')).toBe(there.sent);
    expect(counted.get("connections_total")).toBe(CONNECTIONS);
    expect(counted.get("connect_duration_seconds_count")).toBe(CONNECTIONS);
    expect(counted.get("connections_open")).toBe(0);
    const endings = Object.fromEntries(
      ENDS.map((end) => [end, tasks.filter((task) => task.end === end).length]),
    );
    const closed = Object.fromEntries(
      ENDS.map((end) => [end, counted.get(`connections_closed_total{ending="${end}"}`) ?? 0]),
    );
    expect(closed).toEqual(endings);
    const bad = [...(await metricsOf(relay.admin))].filter(([name]) => /failed|refused/.test(name));
    expect(bad.filter(([, count]) => count > 0)).toEqual([]);
  },
);

function randomTask(): Task {
  const bytes = () => Math.floor(Math.random() ** 4 * MOST_BYTES);
  return {
    up: bytes(),
    down: bytes(),
    end: ENDS[Math.floor(Math.random() * ENDS.length)] ?? "finished",
  };
}
