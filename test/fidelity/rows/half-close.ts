import { expect } from "bun:test";
import { Payload } from "../../support/sockets/payload.ts";
import { eitherEnd, expectWhole, type Row } from "./row.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const FLOOD = 256 * MIB;

/** Shuts down its writing: all bytes, then end of stream; the opposite direction goes on. */
export const halfCloseRows: readonly Row[] = [
  ...eitherEnd({
    name: "a % that half-closes: all bytes, then end of stream, and the answer comes back",
    async run({ near, far, wire }) {
      const question = new Payload(300 * KIB, 1);
      await Promise.all([
        near.send(question).then(() => near.halfClose()),
        far.readToEnd().then((stream) => expectWhole(stream, question)),
      ]);
      const answer = new Payload(3 * MIB, 2);
      await Promise.all([
        far.send(answer).then(() => far.halfClose()),
        near.readToEnd().then((stream) => expectWhole(stream, answer)),
      ]);
      await wire.idle();
      const [closed] = await wire.closed();
      expect(closed?.ending).toBe("finished");
    },
  }),

  ...eitherEnd({
    name: "a % that half-closes: the answer may come later than any timer that was set",
    sleeps: true,
    settings: { connectTimeout: 1_000, keepalive: 1_000 },
    async run({ near, far, wire }) {
      near.halfClose();
      expectWhole(await far.readToEnd(), new Payload(0));
      const answer = new Payload(50 * KIB);
      for (let round = 0; round < 2; round += 1) {
        await Bun.sleep(700);
        expect(wire.relay.open()).toBe(1);
        far.sendAtOnce(answer);
        expect(await near.read(answer.length)).toEqual(answer.received());
      }
      far.halfClose();
      expectWhole(await near.readToEnd(), new Payload(0));
    },
  }),

  {
    name: "both ends write and half-close at once: both get everything, the relay lets go",
    async run(wire) {
      const { client, destination } = await wire.ends();
      const [up, down] = [new Payload(60 * KIB, 1), new Payload(50 * KIB, 2)];
      wire.relay.freeze(() => {
        client.sendAtOnce(up);
        destination.sendAtOnce(down);
        client.halfClose();
        destination.halfClose();
      });
      expectWhole(await destination.readToEnd(), up);
      expectWhole(await client.readToEnd(), down);
      await wire.idle();
    },
  },

  {
    name: "both ends half-close at once without a byte",
    async run(wire) {
      const { client, destination } = await wire.ends();
      wire.relay.freeze(() => {
        client.halfClose();
        destination.halfClose();
      });
      expectWhole(await destination.readToEnd(), new Payload(0));
      expectWhole(await client.readToEnd(), new Payload(0));
      await wire.idle();
    },
  },

  {
    name: "both ends close at once: the relay lets go",
    async run(wire) {
      for (let round = 0; round < 20; round += 1) {
        const { client, destination } = await wire.ends();
        wire.relay.freeze(() => {
          client.close();
          destination.close();
        });
      }
      await wire.closed();
      await wire.idle();
    },
  },

  ...eitherEnd({
    name: "a % that half-closes while it does not read: its peer's flood still arrives whole",
    sleeps: true,
    async run({ near, far }) {
      const flood = new Payload(FLOOD, 1);
      const sent = await far.fill(flood, 100);
      const last = new Payload(100 * KIB, 2);
      await near.send(last);
      near.halfClose();
      expectWhole(await far.readToEnd(), last);
      const more = new Payload(sent + 2 * MIB, 1);
      const reading = near.readToEnd();
      expect(await far.pour(more, sent)).toEqual({ sent: 2 * MIB, failure: null });
      far.halfClose();
      expectWhole(await reading, more);
    },
  }),

  ...eitherEnd({
    name: "a % that half-closes behind a flood: the end of stream waits for the last byte",
    sleeps: true,
    async run({ near, far }) {
      const flood = new Payload(FLOOD, 1);
      const sent = await near.fill(flood, 100);
      near.halfClose();
      // The opposite direction is not held up by it.
      const answer = new Payload(100 * KIB, 2);
      far.sendAtOnce(answer);
      expect(await near.read(answer.length)).toEqual(answer.received());
      expect(await far.readToEnd()).toEqual({ ...flood.received(sent), ending: "end" });
      far.sendAtOnce(answer);
      far.halfClose();
      expectWhole(await near.readToEnd(), answer);
    },
  }),
];
