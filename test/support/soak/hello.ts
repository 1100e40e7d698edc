import type { SocketEndpoint } from "../../../src/index.ts";
import { RawSocket } from "../sockets/raw-socket.ts";
import { SystemCallError } from "../process/system-calls.ts";
import { PATIENCE } from "./raw-end.ts";

/** Bytes with which a client begins, so that it is known whose destination is whose. */
const HELLO_BYTES = 4;

const FAILURES: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

/** Connects to a relay as a client of that number; null where the relay has failed it at once. */
export async function connectAs(id: number, source: SocketEndpoint): Promise<RawSocket | null> {
  const bytes = new Uint8Array(HELLO_BYTES);
  new DataView(bytes.buffer).setUint32(0, id);
  try {
    const client = await RawSocket.connect(source);
    const sent = client.trySend(bytes);
    if (sent === HELLO_BYTES) return client;
    client.close();
    if (typeof sent === "number") throw new Error("a new connection takes a few bytes");
    throw new SystemCallError("send", sent);
  } catch (error) {
    if (error instanceof SystemCallError && FAILURES.has(error.errno)) return null;
    throw error;
  }
}

/** Whose destination this end is; null where its client failed before it said so. */
export async function readHello(destination: RawSocket): Promise<number | null> {
  const bytes = new Uint8Array(HELLO_BYTES);
  for (let length = 0; length < HELLO_BYTES;) {
    const received = await destination.receive(HELLO_BYTES - length, PATIENCE);
    if (typeof received === "string") return null;
    bytes.set(received, length);
    length += received.length;
  }
  return new DataView(bytes.buffer).getUint32(0);
}
