import { afterEach, expect, jest, spyOn, test } from "bun:test";
import type { Socket } from "bun";
import { ECONNRESET, EPIPE } from "../../../../src/os/errno.ts";
import { libc, type Libc } from "../../../../src/os/libc.ts";
import { HeldBytes } from "../../../../src/relay/stream/held-bytes.ts";
import { KernelPipe } from "../../../../src/relay/stream/kernel-pipe.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { Payload } from "../../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../../support/sockets/raw-socket.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";
import { must, SO_ERROR, SOL_SOCKET, system } from "../../../support/process/system-calls.ts";

if (libc === null) throw new Error("these tests need the C library through bun:ffi");
const calls: Libc = libc;

const KIB = 1024;
// unix_stream_sendmsg() puts at most so much of a send(2) into one of its buffers: 32 KiB and what
// fits beside the head.
const ONE_SEND = 36 * KIB;

afterEach(() => void jest.restoreAllMocks());

class OneEnd extends Side {
  constructor(
    fd: number,
    readonly isTcp: boolean,
  ) {
    super();
    // Of Bun's socket only a write is used: the kernel takes no more.
    this.attach({ fd, write: () => 0 } as unknown as Socket<unknown>);
  }
}

// Where the peer fails between two of the kernel's buffers, the call tells of no failure, and takes
// the error from the socket.
test("a Unix socket is never given more at once than the kernel puts into one buffer", () => {
  using pair = socketPair();
  const side = new OneEnd(pair.one, false);
  const send = spyOn(calls, "send");
  const payload = new Payload(100 * KIB);
  expect(side.write(payload.bytes)).toBe(payload.length);
  const sizes = send.mock.calls.map(([, bytes]) => bytes.length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(payload.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(ONE_SEND);
  drain(pair.other, payload);
});

test.each([
  ["closes in the middle of a splice", "close", 4 * KIB, ECONNRESET],
  ["closes before it", "close", 0, EPIPE],
  ["only stops reading in the middle of it", "shutReading", 4 * KIB, EPIPE],
] as const)("a Unix peer that %s is seen to fail, or not", (_, leave, first, errno) => {
  const pair = socketPair();
  using source = socketPair();
  const side = new OneEnd(pair.one, false);
  let isClosed = false;
  // The peer closes with unread bytes or stops reading, and the kernel forgets the error.
  const splice: Libc["splice"] = (from, to, most) => {
    if (to !== pair.one) return calls.splice(from, to, most);
    const moved = isClosed || first === 0 ? 0 : calls.splice(from, to, first);
    if (!isClosed) calls[leave](pair.other);
    isClosed = true;
    system.getOption(pair.one, SOL_SOCKET, SO_ERROR);
    return moved > 0 ? moved : calls.splice(from, to, most);
  };
  const pipe = KernelPipe.open({ ...calls, splice });
  if (pipe === null) throw new Error("there is no pipe");
  must("send", system.send(source.one, new Uint8Array(100 * KIB)));
  while (pipe.fill(source.other, 100 * KIB) > 0) {}
  const held = new HeldBytes();
  held.kernelPipe = pipe;
  expect(held.writeTo(side)).toBe(-EPIPE);
  if (side.readsNoMore) side.onlyShutReading();
  expect(side.errno).toBe(errno);
  pipe.close();
  system.close(pair.one);
});

test("a full Unix socket takes the first part of a write, and nothing is left out or doubled", () => {
  using pair = socketPair();
  const side = new OneEnd(pair.one, false);
  const payload = new Payload(1024 * KIB);
  const taken = side.write(payload.bytes);
  expect(taken).toBeGreaterThan(ONE_SEND);
  expect(taken).toBeLessThan(payload.length);
  drain(pair.other, payload.first(taken));
});

test("a TCP socket gets all in one call", async () => {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  using client = await RawSocket.connect(listener.endpoint);
  using _server = await listener.accept();
  const send = spyOn(calls, "send");
  new OneEnd(client.fd, true).write(new Payload(100 * KIB).bytes);
  expect(send).toHaveBeenCalledTimes(1);
});

/** Reads all that has arrived, which must be `payload`. */
function drain(fd: number, payload: Payload): void {
  const hash = new Bun.CryptoHasher("sha256");
  const buffer = new Uint8Array(256 * KIB);
  let length = 0;
  for (;;) {
    const read = system.receive(fd, buffer, buffer.length);
    if (read <= 0) break;
    hash.update(buffer.subarray(0, read));
    length += read;
  }
  expect({ length, sha256: hash.digest("hex") }).toEqual(payload.received());
}
