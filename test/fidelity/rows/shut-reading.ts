import { expect } from "bun:test";
import type { Kind } from "../directions.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { until } from "../../support/waiting.ts";
import { type Ends, eitherEnd, expectWhole, type Row } from "./row.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

// How long a write may be taken, in milliseconds.
const WRITES_REFUSED = 10_000;

function isUnix(kind: Kind): boolean {
  return kind === "unix" || kind === "abstract";
}

/**
 * Shuts down its reading, which only a Unix socket can tell: the writes of a Unix peer fail, as in
 * a socketpair(2). TCP has no word for it: what a TCP peer writes is read and dropped. The opposite
 * direction goes on.
 */
export const shutReadingRows: readonly Row[] = [
  ...eitherEnd({
    name: "a % that shuts down its reading: a Unix peer's writes fail, the opposite direction goes on",
    near: isUnix,
    async run(ends) {
      const { near, wire } = ends;
      near.shutReading();
      await expectWritesRefused(ends);
      await expectOppositeDirection(ends);
      await wire.idle();
    },
  }),

  ...eitherEnd({
    name: "a % that shuts down its reading under its peer's flood: likewise",
    near: isUnix,
    async run(ends) {
      const { near, far, wire } = ends;
      const flood = far.pour(new Payload(20 * MIB));
      await near.read(MIB);
      near.shutReading();
      // What had arrived is still there. As long as it fills the socket nobody hears anything, the
      // peer of a socketpair neither if it waits for room by poll(2).
      await near.readToEnd();
      if (far.isTcp) expect(await flood).toEqual({ sent: 20 * MIB, failure: null });
      else expect((await flood).failure).toBe("EPIPE");
      await expectWritesRefused(ends);
      await expectOppositeDirection(ends);
      await wire.idle();
    },
  }),
];

async function expectWritesRefused({ far }: Ends): Promise<void> {
  // The relay hears of it when it writes.
  if (far.isTcp) expect(await far.pour(new Payload(100 * KIB))).toMatchObject({ failure: null });
  else
    await until(
      () => far.trySend(new Uint8Array(1)) === "EPIPE",
      "a refused write",
      WRITES_REFUSED,
    );
}

async function expectOppositeDirection({ near, far }: Ends): Promise<void> {
  const payload = new Payload(3 * MIB, 2);
  const reading = far.readToEnd();
  await near.send(payload);
  near.halfClose();
  expectWhole(await reading, payload);
  far.close();
}
