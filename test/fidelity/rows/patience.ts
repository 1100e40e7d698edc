import { expect } from "bun:test";
import { Payload } from "../../support/sockets/payload.ts";
import { SMALL_BUFFERS } from "./backpressure.ts";
import { bothEnds, expectWhole, type Row } from "./row.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const FLOOD = 256 * MIB;

// Longer than the longest time that the relay gives anything: what nobody can want any more.
const LINGER_MS = 10_000;
const LONG_MS = LINGER_MS + 1_500;

/** What takes as long as it likes, and what does not. Each row takes some 12 s, nearly all of it sleep. */
export const patienceRows: readonly Row[] = [
  bothEnds({
    name: "an end that half-closed gets an answer that takes longer than any of the relay's times",
    settings: { connectTimeout: 500, keepalive: 1_000 },
    timeout: 40_000,
    async run({ near, far }) {
      near.halfClose();
      expectWhole(await far.readToEnd(), new Payload(0));
      await Bun.sleep(LONG_MS);
      const answer = new Payload(3 * MIB);
      const sending = far.send(answer).then(() => far.halfClose());
      expectWhole(await near.readToEnd(), answer);
      await sending;
    },
  }),

  bothEnds({
    name: "an end that closed behind its answer: a reader that stalls for long gets the whole of it",
    buffers: SMALL_BUFFERS,
    timeout: 40_000,
    async run({ near, far }) {
      const answer = new Payload(FLOOD);
      const sent = await near.fill(answer, 100);
      near.close();
      await Bun.sleep(LONG_MS);
      expect(await far.readToEnd()).toEqual({ ...answer.received(sent), ending: "end" });
    },
  }),

  bothEnds({
    name: "an end that closed when all was handed on: a reader that stalls for long, and writes, gets all of it",
    buffers: SMALL_BUFFERS,
    timeout: 40_000,
    async run({ near, far }) {
      // Small enough that the relay hands all of it to the kernel and sees the close behind it.
      const answer = new Payload(far.isTcp ? MIB : 100 * KIB);
      await near.pour(answer);
      near.close();
      const upload = new Payload(100 * KIB);
      expect(await far.pour(upload)).toEqual({ sent: upload.length, failure: null });
      await Bun.sleep(LONG_MS);
      // What a Unix socket was sent is in its own hands; TCP's peer must stay for it.
      const { failure } = await far.pour(upload);
      if (far.isTcp) expect(failure).toBe(null);
      expectWhole(await far.readToEnd(), answer);
    },
  }),

  bothEnds({
    name: "an end that closed while its peer sends on and on: after a bounded time it is over",
    timeout: 40_000,
    async run({ near, far }) {
      const start = performance.now();
      near.close();
      for (;;) {
        const { failure } = await far.pour(new Payload(100));
        if (failure !== null) break;
        await Bun.sleep(50);
        expect(performance.now() - start).toBeLessThan(2 * LINGER_MS);
      }
      expect(performance.now() - start).toBeGreaterThan(0.8 * LINGER_MS);
    },
  }),
];
