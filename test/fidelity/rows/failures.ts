import { expect } from "bun:test";
import { answerAtOnce, answerOf } from "../../support/sockets/answer-at-once.ts";
import { Payload } from "../../support/sockets/payload.ts";
import type { RawSocket } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";
import { SMALL_BUFFERS } from "./backpressure.ts";
import { type Ends, eitherEnd, expectFailure, expectWhole, type Row } from "./row.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const FLOOD = 256 * MIB;
const NOTHING = new Payload(0);

/** Resets, or vanishes with unread data: what had arrived, then a failure, never a clean end. */
export const failureRows: readonly Row[] = [
  ...eitherEnd({
    name: "a % that fails: its peer sees a failure",
    async run(ends) {
      const { near, far } = ends;
      const payload = new Payload(40 * KIB);
      await makeReadyToFail(ends);
      near.sendAtOnce(payload);
      expect(await far.read(payload.length)).toEqual(payload.received());
      fail(near);
      await expectFailure(far, await far.readToEnd(), NOTHING);
      await expectResetReported(ends);
    },
  }),

  ...eitherEnd({
    name: "a % that writes and fails at once: what had arrived, then a failure",
    async run(ends) {
      const { near, far, wire } = ends;
      const payload = new Payload(1_000);
      await makeReadyToFail(ends);
      wire.relay.freeze(() => {
        near.sendAtOnce(payload);
        fail(near);
      });
      await expectFailure(far, await far.readToEnd(), payload, payload.length);
      await expectResetReported(ends);
    },
  }),

  {
    name: "a destination that answers and resets at once, 300 times: the answer, then a failure",
    where: ({ destination }) => destination === "tcp",
    async run(wire) {
      const rounds = 300;
      const size = 1_000;
      await using server = answerAtOnce(wire.listener.fd, rounds, [size], "reset");
      for (let round = 0; round < rounds; round += 1) {
        const client = wire.dial();
        await expectFailure(client, await client.readToEnd(), answerOf(size), size);
        client.close();
      }
      await server.done;
    },
  },

  ...eitherEnd({
    name: "a % that closes with unread data: what had arrived, then a failure",
    async run(ends) {
      const { near, far } = ends;
      const payload = new Payload(1_000);
      far.sendAtOnce(new Payload(100, 2));
      await near.arrival();
      near.sendAtOnce(payload);
      near.close();
      await expectFailure(far, await far.readToEnd(), payload, payload.length);
      await expectResetReported(ends);
    },
  }),

  ...eitherEnd({
    name: "a % that fails although its peer has half-closed: what had arrived, then a failure",
    async run(ends) {
      const { near, far } = ends;
      await makeReadyToFail(ends);
      far.halfClose();
      if (near.isTcp) expectWhole(await near.readToEnd(), NOTHING);
      const payload = new Payload(1_000);
      near.sendAtOnce(payload);
      fail(near);
      await expectFailure(far, await far.readToEnd(), payload, payload.length);
      await expectResetReported(ends);
    },
  }),

  ...eitherEnd({
    name: "a % that sent an urgent byte, and resets although its peer has half-closed: a failure",
    near: (kind) => kind.startsWith("tcp"),
    async run(ends) {
      const { near, far } = ends;
      const payload = new Payload(1_000);
      near.sendUrgent();
      near.sendAtOnce(payload);
      expect(await far.read(payload.length)).toEqual(payload.received());
      far.halfClose();
      expectWhole(await near.readToEnd(), NOTHING);
      near.reset();
      await expectFailure(far, await far.readToEnd(), NOTHING);
      await expectResetReported(ends);
    },
  }),

  ...eitherEnd({
    name: "a % that fails after its end of stream: that was clean, and its peer can still end",
    async run(ends) {
      const { near, far, nearRole, wire } = ends;
      const payload = new Payload(1_000);
      await makeReadyToFail(ends);
      near.sendAtOnce(payload);
      near.halfClose();
      expectWhole(await far.readToEnd(), payload);
      fail(near);
      await until(() => wire.relay.descriptors() < 2, "the relay to let go of the failed side");
      far.close();
      await wire.idle();
      // A Unix socket has failed because of bytes that were sent to it.
      const [closed] = await wire.closed();
      expect(closed?.ending).toBe(near.isTcp ? `${nearRole} reset` : "abandoned");
    },
  }),

  ...eitherEnd({
    name: "a % that fails under its peer's flood: the peer sees a failure",
    async run(ends) {
      const { near, far, wire } = ends;
      const flood = far.pour(new Payload(FLOOD));
      await near.read(MIB);
      await near.arrival();
      fail(near);
      expectFailedSend(far, await flood);
      await wire.idle();
    },
  }),

  ...eitherEnd({
    name: "a % that stops reading and then fails: its blocked peer sees a failure",
    sleeps: true,
    buffers: SMALL_BUFFERS,
    async run(ends) {
      const { near, far } = ends;
      const sent = await far.fill(new Payload(FLOOD), 100);
      const flood = far.pour(new Payload(FLOOD), sent);
      fail(near);
      expectFailedSend(far, await flood);
      await expectResetReported(ends);
    },
  }),

  ...eitherEnd({
    name: "a failure of the % that a write meets first stays a failure",
    async run(ends) {
      const { near, far, wire } = ends;
      await makeReadyToFail(ends);
      // The far end's byte comes first in the relay's queue of events: its write meets the failure.
      wire.relay.freeze(() => {
        far.sendAtOnce(new Payload(1));
        fail(near);
      });
      await expectFailure(far, await far.readToEnd(), NOTHING);
      await expectResetReported(ends);
    },
  }),

  ...eitherEnd({
    name: "a failure of the % that a write meets first loses nothing that had arrived",
    async run(ends) {
      const { near, far, wire } = ends;
      const payload = new Payload(1_000);
      await makeReadyToFail(ends);
      wire.relay.freeze(() => {
        far.sendAtOnce(new Payload(1));
        near.sendAtOnce(payload);
        fail(near);
      });
      await expectFailure(far, await far.readToEnd(), payload, payload.length);
      await expectResetReported(ends);
    },
  }),

  ...eitherEnd({
    name: "a % that fails while its peer does not read: the peer still gets all that was taken",
    buffers: SMALL_BUFFERS,
    async run(ends) {
      const { near, far, wire } = ends;
      const flood = new Payload(FLOOD);
      await makeReadyToFail(ends);
      await near.fill(flood, 100);
      fail(near);
      // Of a failed TCP socket the relay keeps a descriptor until all of it has been passed on.
      if (!near.isTcp)
        await until(() => wire.relay.descriptors() < 2, "the relay to let go of the failed side");
      const stream = await far.readToEnd();
      await expectFailure(far, stream, flood, 64 * KIB);
      const taken = await expectResetReported(ends);
      expect(stream.length).toBe(taken);
    },
  }),

  ...eitherEnd({
    name: "a % that fails in the middle of its own stream: a prefix, then a failure",
    async run(ends) {
      const { near, far } = ends;
      const flood = new Payload(FLOOD);
      await makeReadyToFail(ends);
      const pouring = near.pour(flood);
      expect(await far.read(MIB)).toEqual(flood.received(MIB));
      fail(near);
      await pouring;
      await expectFailure(far, await far.readToEnd(), flood.rest(MIB));
      await expectResetReported(ends);
    },
  }),

  {
    name: "both ends fail at once: the relay lets go",
    async run(wire) {
      const rounds = 20;
      for (let round = 0; round < rounds; round += 1) {
        const { client, destination } = await wire.ends();
        client.sendAtOnce(new Payload(1_000));
        destination.sendAtOnce(new Payload(1_000));
        await Promise.all([client.arrival(), destination.arrival()]);
        fail(client);
        fail(destination);
      }
      await wire.closed();
      await wire.idle();
    },
  },
];

/** A Unix socket can only fail by closing with unread data. */
export async function makeReadyToFail({ near, far }: Ends): Promise<void> {
  if (near.isTcp) return;
  far.sendAtOnce(new Payload(100, 2));
  await near.arrival();
}

/** A reset, or of a Unix socket a close with unread data. */
export function fail(end: RawSocket): void {
  if (end.isTcp) return end.reset();
  if (end.unread === 0) throw new Error(`the ${end.label} has nothing unread: not a failure`);
  end.close();
}

/** The relay lets go of the connection, and tells whose failure it was and what it had read. */
async function expectResetReported({ wire, nearRole }: Ends): Promise<number> {
  await wire.idle();
  const [closed] = await wire.closed();
  expect(closed?.ending).toBe(`${nearRole} reset`);
  return (nearRole === "client" ? closed?.up : closed?.down) ?? 0;
}

/** A write was stopped as by the peer's own failure: TCP's reset, or a Unix socket's close. */
function expectFailedSend(end: RawSocket, { failure }: { readonly failure: string | null }): void {
  if (end.isTcp) expect(failure).toBe("ECONNRESET");
  else expect(["EPIPE", "ECONNRESET"]).toContain(String(failure));
}
