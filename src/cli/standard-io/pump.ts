import { read, write } from "node:fs";
import { errnoWords, errorCode } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { endOutput, INPUT, OUTPUT } from "./descriptors.ts";
import type { StreamSocket } from "./stream-socket.ts";

/** As much as one read of standard input takes, in bytes. A pipe holds 64 KiB unless told (pipe(7)). */
const READ_MOST = 256 * 1024;

// Another process may have made the same pipe or terminal non-blocking (O_NONBLOCK is of the open
// file, not of the descriptor). The first and the longest pause before the next try, in
// milliseconds.
const PAUSE_LEAST = 1;
const PAUSE_MOST = 20;

/** Standard input or output failed. */
export class StreamFailure extends Error {}

/**
 * Passes standard input on to a socket, then its end. The end waits until the destination is
 * reached: a client that ends before counts as one that left.
 *
 * Reads and writes run on the runtime's thread pool, where they may block: that works for pipes,
 * sockets, terminals and files alike.
 *
 * @throws {StreamFailure}
 */
export async function pumpInput(socket: StreamSocket, reached: Promise<void>): Promise<void> {
  const buffer = new Uint8Array(READ_MOST);
  for (;;) {
    const length = await patiently("read standard input", () => readSome(buffer));
    if (length === 0) break;
    // The destination takes no more: what still comes has no receiver.
    if (!(await socket.write(buffer.subarray(0, length)))) return;
  }
  await reached;
  socket.shutdown();
}

/**
 * Passes a socket on to standard output, then its end.
 *
 * @throws {StreamFailure}
 */
export async function pumpOutput(system: Libc, socket: StreamSocket): Promise<void> {
  for (;;) {
    const chunk = await socket.read();
    if (chunk === null) break;
    for (let at = 0; at < chunk.length;)
      at += await patiently("write to standard output", () => writeSome(chunk.subarray(at)));
  }
  endOutput(system);
}

function readSome(buffer: Uint8Array): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  read(INPUT, buffer, 0, buffer.length, null, (error, length) =>
    error === null ? resolve(length) : reject(error),
  );
  return promise;
}

function writeSome(bytes: Uint8Array): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  write(OUTPUT, bytes, 0, bytes.length, null, (error, length) =>
    error === null ? resolve(length) : reject(error),
  );
  return promise;
}

/** Does something with a descriptor; again while the descriptor is not ready. */
async function patiently(what: string, act: () => Promise<number>): Promise<number> {
  for (let pause = PAUSE_LEAST; ; pause = Math.min(2 * pause, PAUSE_MOST)) {
    try {
      return await act();
    } catch (error) {
      const code = errorCode(error);
      if (code !== "EAGAIN")
        throw new StreamFailure(`cannot ${what}: ${errnoWords(code)} (${code})`, { cause: error });
      await Bun.sleep(pause);
    }
  }
}
