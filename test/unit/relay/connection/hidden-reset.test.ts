import { describe, expect, test } from "bun:test";
import { libc } from "../../../../src/os/libc.ts";
import {
  hasEndedBeforeReset,
  isHiddenReset,
} from "../../../../src/relay/connection/hidden-reset.ts";
import { Payload } from "../../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../../support/sockets/raw-socket.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";
import { errnoName, SO_ERROR, SOL_SOCKET, system } from "../../../support/process/system-calls.ts";

if (libc === null) throw new Error("these tests need the C library through bun:ffi");
const calls = libc;

/**
 * A side whose peer has sent 1,000 bytes, of which `bytesRead` are read, and has gone. The first
 * `headerBytes` of them were read before the connection began, and `uncounted` by nobody who tells.
 */
async function refusingSide(
  bytesRead: number,
  leave: (peer: RawSocket) => Promise<void> | void,
  { headerBytes = 0, uncounted = 0 } = {},
) {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const peer = await RawSocket.connect(listener.endpoint);
  const side = await listener.accept();
  peer.sendAtOnce(new Payload(1_000));
  if (bytesRead > 0) await side.read(bytesRead);
  await leave(peer);
  await side.hangUp();
  // As a splice(2) that had moved bytes before the send that failed.
  system.getOption(side.fd, SOL_SOCKET, SO_ERROR);
  expect(side.trySend(new Uint8Array(1))).toBe("EPIPE");
  const counted = bytesRead - headerBytes - uncounted;
  const isReset = isHiddenReset(calls, {
    fd: side.fd,
    headerBytes,
    inbound: { bytesRead: counted },
  });
  side.close();
  return isReset;
}

function endAndReset(peer: RawSocket): void {
  peer.halfClose();
  peer.reset();
}

describe("where a write finds EPIPE and the kernel has forgotten why", () => {
  for (const bytesRead of [0, 400, 1_000]) {
    test(`a peer that has reset is told from one that ended: ${bytesRead} bytes read`, async () => {
      expect(await refusingSide(bytesRead, (peer) => peer.reset())).toBe(true);
    });

    test(`a peer that has ended first is no failure: ${bytesRead} bytes read`, async () => {
      expect(await refusingSide(bytesRead, endAndReset)).toBe(false);
    });
  }

  test("the bytes of a PROXY header are told from an end", async () => {
    const header = { headerBytes: 300 };
    expect(await refusingSide(400, (peer) => peer.reset(), header)).toBe(true);
    expect(await refusingSide(400, endAndReset, header)).toBe(false);
  });

  test("bytes that another program has read make no failure of an end", async () => {
    expect(await refusingSide(400, endAndReset, { uncounted: 300 })).toBe(false);
  });

  test("a Unix socket is never such a side", () => {
    using pair = socketPair();
    expect(isHiddenReset(calls, { fd: pair.one, headerBytes: 0, inbound: { bytesRead: 0 } })).toBe(
      false,
    );
  });
});

describe("where the kernel reports a reset of a side that has sent its own end", () => {
  /** Whether the peer had ended; it has sent 1,000 bytes and gone, and `bytesRead` are read. */
  async function hadEnded(bytesRead: number, leave: (peer: RawSocket) => void) {
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const peer = await RawSocket.connect(listener.endpoint, { receive: 4_096 });
    const side = await listener.accept();
    peer.sendAtOnce(new Payload(1_000));
    if (bytesRead > 0) await side.read(bytesRead);
    // The peer has no room for all of it, so that the kernel cannot send the end yet.
    side.sendAtOnce(new Payload(500_000));
    side.halfClose();
    leave(peer);
    await side.hangUp();
    expect(errnoName(-system.getOption(side.fd, SOL_SOCKET, SO_ERROR))).toBe("ECONNRESET");
    const ended = hasEndedBeforeReset(calls, {
      fd: side.fd,
      headerBytes: 0,
      inbound: { bytesRead },
    });
    side.close();
    return ended;
  }

  for (const bytesRead of [0, 400, 1_000])
    test(`a peer that had ended is told from one that had not: ${bytesRead} bytes read`, async () => {
      expect(await hadEnded(bytesRead, endAndReset)).toBe(true);
      expect(await hadEnded(bytesRead, (peer) => peer.reset())).toBe(false);
    });
});
