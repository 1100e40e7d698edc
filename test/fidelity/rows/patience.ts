import { expect } from "bun:test";
import { Payload } from "../../support/sockets/payload.ts";
import type { Wire } from "../directions.ts";
import { SMALL_BUFFERS } from "./backpressure.ts";
import { fail, makeReadyToFail } from "./failures.ts";
import { bothEnds, expectFailure, expectWhole, type Row } from "./row.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const FLOOD = 256 * MIB;

// Short where it can be set, so that a row which outlasts it is quick.
const LINGER_TIMEOUT = 600;

// The shortest there is. A reader that stands still for longer than its 7 s is no peer that
// vanished.
const KEEPALIVE = 1_000;

// How late the end may come on a busy machine: early enough that the default of 10 s shows.
const BUSY = 8_000;

/** Longer than the longest time that the relay gives anything. */
function long({ relay }: Wire): number {
  return relay.lingerTimeout + 1_000;
}

/** What takes as long as it likes, and what does not. Nearly all of the rows' time is sleep. */
export const patienceRows: readonly Row[] = [
  bothEnds({
    name: "an end that half-closed gets an answer that takes longer than any of the relay's times",
    settings: { connectTimeout: 1_000, keepalive: KEEPALIVE, lingerTimeout: LINGER_TIMEOUT },
    async run({ near, far, wire }) {
      near.halfClose();
      expectWhole(await far.readToEnd(), new Payload(0));
      await Bun.sleep(long(wire));
      const answer = new Payload(3 * MIB);
      const sending = far.send(answer).then(() => far.halfClose());
      expectWhole(await near.readToEnd(), answer);
      await sending;
    },
  }),

  bothEnds({
    name: "an end that closed behind its answer: a reader that stalls for long gets the whole of it",
    buffers: SMALL_BUFFERS,
    settings: { keepalive: KEEPALIVE, lingerTimeout: LINGER_TIMEOUT },
    async run({ near, far, wire }) {
      const answer = new Payload(FLOOD);
      const sent = await near.fill(answer, 100);
      near.close();
      await Bun.sleep(long(wire));
      expect(await far.readToEnd()).toEqual({ ...answer.received(sent), ending: "end" });
    },
  }),

  bothEnds({
    name: "an end that closed when all was handed on: a reader that stalls for long, and writes, gets all of it",
    buffers: SMALL_BUFFERS,
    settings: { lingerTimeout: LINGER_TIMEOUT },
    async run({ near, far, wire }) {
      // Small enough that the relay hands all of it to the kernel and sees the close behind it.
      const answer = new Payload(far.isTcp ? MIB : 100 * KIB);
      await near.pour(answer);
      near.close();
      const upload = new Payload(100 * KIB);
      expect(await far.pour(upload)).toEqual({ sent: upload.length, failure: null });
      await Bun.sleep(long(wire));
      // What a Unix socket was sent is in its own hands; TCP's peer must stay for it.
      const { failure } = await far.pour(upload);
      if (far.isTcp) expect(failure).toBe(null);
      expectWhole(await far.readToEnd(), answer);
    },
  }),

  bothEnds({
    name: "an end that failed behind what its peer has not read: a reader that stalls for long gets all of it",
    buffers: SMALL_BUFFERS,
    settings: { keepalive: KEEPALIVE, lingerTimeout: LINGER_TIMEOUT },
    async run(ends) {
      const { near, far, nearRole, wire } = ends;
      const flood = new Payload(FLOOD);
      await makeReadyToFail(ends);
      await near.fill(flood, 100);
      fail(near);
      await Bun.sleep(long(wire));
      const stream = await far.readToEnd();
      await expectFailure(far, stream, flood, 64 * KIB);
      const report = await wire.closedAs(`${nearRole} reset`);
      expect(stream.length).toBe(nearRole === "client" ? report.up : report.down);
    },
  }),

  bothEnds({
    name: "an end that closed while its peer sends on and on: after a bounded time it is over",
    settings: { lingerTimeout: LINGER_TIMEOUT },
    async run({ near, far, wire }) {
      const start = performance.now();
      near.close();
      for (;;) {
        const { failure } = await far.pour(new Payload(100));
        if (failure !== null) break;
        await Bun.sleep(50);
        expect(performance.now() - start).toBeLessThan(wire.relay.lingerTimeout + BUSY);
      }
      expect(performance.now() - start).toBeGreaterThan(0.8 * wire.relay.lingerTimeout);
    },
  }),
];
