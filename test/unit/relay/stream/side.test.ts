import { expect, test } from "bun:test";
import { libc } from "../../../../src/os/libc.ts";
import { HeldBytes } from "../../../../src/relay/stream/held-bytes.ts";
import { KernelPipe } from "../../../../src/relay/stream/kernel-pipe.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { must, system } from "../../../support/process/system-calls.ts";
import { RawListener, RawSocket } from "../../../support/sockets/raw-socket.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";
import { turn, until } from "../../../support/waiting.ts";

const BLOCK = new Uint8Array(64 * 1024);
const PIPED = 100 * 1024;
// The number of times that the receiver is full again at once when Bun reports room.
const FULL_AGAIN = 3;

/** The receiver of a test: Bun has its socket, `peer` reads. */
class Receiver extends Side {
  constructor(readonly isTcp: boolean) {
    super();
  }

  /** Sends bytes until the kernel takes no more of them; returns the number of bytes. */
  fill(): number {
    let filled = 0;
    for (;;) {
      const sent = system.send(this.fd, BLOCK);
      if (sent < 0) return filled;
      filled += sent;
    }
  }
}

test.each([true, false])(
  "bytes that a full receiver leaves in the kernel pipe stay there until `drain`, which follows (TCP: %p)",
  async (isTcp) => {
    if (libc === null) throw new Error("this test needs the C library through bun:ffi");
    const kernelPipe = KernelPipe.open(libc);
    if (kernelPipe === null) throw new Error("there is no pipe");
    using pair = socketPair();
    must("send", system.send(pair.one, new Uint8Array(PIPED)));
    expect(kernelPipe.fill(pair.other, PIPED)).toBe(PIPED);
    using listener = new RawListener(
      isTcp
        ? { kind: "tcp", host: "127.0.0.1", port: 0 }
        : { kind: "abstract", name: `side-${crypto.randomUUID()}` },
    );
    const to = new Receiver(isTcp);
    const held = new HeldBytes();
    held.kernelPipe = kernelPipe;
    let filled = 0;
    let drains = 0;
    const socket = Bun.connect({
      fd: (await RawSocket.connect(listener.endpoint)).handOver(),
      data: to,
      socket: {
        open: (opened) => to.attach(opened),
        drain() {
          drains += 1;
          if (drains <= FULL_AGAIN) filled += to.fill();
          expect(held.writeTo(to)).toBe(0);
          expect(kernelPipe.bytes).toBe(held.bytes);
        },
      },
    });
    using peer = await listener.accept();
    await socket;

    // TCP moves bytes on to the peer's socket after a send, so there may be room again.
    for (let more = to.fill(); more > 0; more = to.fill()) {
      filled += more;
      await turn();
    }
    drains = 0;
    expect(held.writeTo(to)).toBe(0);
    expect(kernelPipe.bytes).toBe(held.bytes);

    let got = 0;
    await until(() => {
      const received = peer.tryReceive();
      if (typeof received !== "string") got += received.length;
      return got === filled + PIPED;
    }, "all bytes");
    expect(held.bytes).toBe(0);
    expect(drains).toBeGreaterThan(0);
    kernelPipe.close();
    to.terminate();
  },
);
