import { read, write } from "node:fs";
import { errnoWords, errorCode } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { endOutput, INPUT, OUTPUT } from "./standard-descriptors.ts";
import type { StreamSocket } from "./socket-with-awaited-writes.ts";

/**
 * The maximum size of one read of standard input, in bytes. It is larger than a pipe, which holds
 * 64 KiB by default (pipe(7)), so that one read can empty the pipe.
 */
const READ_MOST = 256 * 1024;

// The first pause, in milliseconds, before a read or write that failed with EAGAIN is repeated.
// EAGAIN occurs if another process has the same pipe or terminal open and has set O_NONBLOCK,
// because both processes share the open file description, to which this flag belongs.
const PAUSE_LEAST = 1;
// The longest pause, in milliseconds. Each pause is twice as long as the pause before.
const PAUSE_MOST = 20;

/** The error about a failed read of standard input or a failed write to standard output. */
export class StreamFailure extends Error {}

/**
 * Copies standard input to a socket, then sends the end of the stream. Sends the end only after
 * `reached` has resolved, which means that the relay has reached the destination. If the stream
 * ended earlier, the relay might assume that the client has left, and end the connection.
 *
 * Reads and writes run on the runtime's thread pool, where they may block. So this function works
 * in the same way for pipes, sockets, terminals and files.
 *
 * @throws {StreamFailure}
 */
export async function copyInput(socket: StreamSocket, reached: Promise<void>): Promise<void> {
  const buffer = new Uint8Array(READ_MOST);
  for (;;) {
    const length = await patiently("read standard input", () => readSome(buffer));
    if (length === 0) break;
    // If the relay takes no more bytes, the rest of standard input has no receiver.
    if (!(await socket.write(buffer.subarray(0, length)))) return;
  }
  await reached;
  socket.shutdown();
}

/**
 * Copies the bytes of a socket to standard output, then ends standard output.
 *
 * @throws {StreamFailure}
 */
export async function copyOutput(system: Libc, socket: StreamSocket): Promise<void> {
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

/**
 * Runs a read or write of a descriptor, and repeats it while the descriptor is not ready (EAGAIN).
 */
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
