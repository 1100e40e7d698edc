import { expect } from "bun:test";
import { answerAtOnce, answerOf } from "../../support/sockets/answer-at-once.ts";
import { Payload } from "../../support/sockets/payload.ts";
import type { RawSocket } from "../../support/sockets/raw-socket.ts";
import { turn, until } from "../../support/waiting.ts";
import { SMALL_BUFFERS } from "./backpressure.ts";
import { closeClean } from "./clean-close.ts";
import { eitherEnd, expectWhole, type Row } from "./row.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

const ROUNDS = 1_000;
const ROUNDS_AT_ONCE = 8;
// 100 KiB are the most that fit into a Unix socket's buffer in one go with room to spare.
const SIZES = [1, 100, 5_000, 100 * KIB];

const UPLOAD = 20 * MIB;
// Through small buffers 20 MiB may take a busy machine longer than the relay reads and drops bytes.
// This is still more than the relay and the kernel hold.
const SLOW_UPLOAD = 4 * MIB;
const FLOOD = 256 * MIB;

/**
 * Answers and closes at once, or while its peer is still sending: the whole answer, then the end.
 */
export const earlyEndRows: readonly Row[] = [
  {
    name: "a destination that answers and closes at once, 1,000 times: no answer is lost",
    async run(wire) {
      await using server = answerAtOnce(wire.listener.fd, ROUNDS, SIZES);
      const answers = new Map(SIZES.map((size) => [size, answerOf(size).received().sha256]));
      const lost: unknown[] = [];
      const round = async () => {
        const client = await wire.connect();
        const { ending, ...stream } = await client.readToEnd();
        client.close();
        const whole = answers.get(stream.length) === stream.sha256;
        if (!whole || ending !== "end") lost.push({ ending, length: stream.length });
      };
      for (let done = 0; done < ROUNDS; done += ROUNDS_AT_ONCE)
        await Promise.all(Array.from({ length: ROUNDS_AT_ONCE }, round));
      await server.done;
      expect(lost).toEqual([]);
    },
  },

  {
    name: "a client that writes and closes at once, 300 times: no byte is lost",
    async run(wire) {
      for (let index = 0; index < 300; index += 1) {
        const payload = new Payload(SIZES[index % SIZES.length] ?? 1);
        const client = await wire.connect();
        client.sendAtOnce(payload);
        client.close();
        const destination = await wire.accept();
        expectWhole(await destination.readToEnd(), payload);
        destination.close();
      }
    },
  },

  ...eitherEnd({
    name: "a % that writes and closes at once: the whole of it, then end of stream",
    async run({ near, far, wire }) {
      const answer = new Payload(100 * KIB);
      near.sendAtOnce(answer);
      near.close();
      expectWhole(await far.readToEnd(), answer);
      far.close();
      await wire.idle();
    },
  }),

  ...eitherEnd({
    name: "a % that writes 8 MiB to a slow reader and closes: the whole of it, then end of stream",
    sleeps: true,
    async run({ near, far }) {
      const answer = new Payload(8 * MIB);
      const sending = near.send(answer).then(() => near.close());
      await Bun.sleep(100);
      expect(await far.read(MIB)).toEqual(answer.received(MIB));
      await Bun.sleep(100);
      const rest = far.readToEnd();
      await sending;
      expect(await rest).toMatchObject({ length: 7 * MIB, ending: "end" });
    },
  }),

  ...[100, 100 * KIB].flatMap((size) => [
    ...eitherEnd({
      name: `a % that answers ${size} bytes and closes while its peer sends: read after 20 MiB were sent`,
      async run({ near, far, wire }) {
        const answer = new Payload(size, 2);
        await beginUpload(near, far);
        near.sendAtOnce(answer);
        await reachedRelay(near);
        near.close();
        expect(await far.pour(new Payload(UPLOAD))).toEqual({ sent: UPLOAD, failure: null });
        expectWhole(await far.readToEnd(), answer);
        far.close();
        await wire.idle();
        const [closed] = await wire.closed();
        expect(closed?.ending).toBe("abandoned");
      },
    }),

    ...eitherEnd({
      name: `a % that answers ${size} bytes and closes while its peer sends: read meanwhile`,
      async run({ near, far }) {
        const answer = new Payload(size, 2);
        await beginUpload(near, far);
        near.sendAtOnce(answer);
        await reachedRelay(near);
        near.close();
        const upload = far.pour(new Payload(UPLOAD));
        expectWhole(await far.readToEnd(), answer);
        expect(await upload).toEqual({ sent: UPLOAD, failure: null });
      },
    }),
  ]),

  ...eitherEnd({
    name: "a % that answers and closes before its peer sends on: the answer, the upload is dropped",
    async run({ near, far, wire }) {
      const answer = new Payload(100 * KIB, 2);
      await beginUpload(near, far);
      near.sendAtOnce(answer);
      await reachedRelay(near);
      near.close();
      // From now on no write of the relay can meet the close before its read does.
      await wire.halfClosed();
      expect(await far.pour(new Payload(UPLOAD))).toEqual({ sent: UPLOAD, failure: null });
      expectWhole(await far.readToEnd(), answer);
      far.close();
      await wire.idle();
      const [closed] = await wire.closed();
      expect(closed?.ending).toBe("abandoned");
    },
  }),

  ...eitherEnd({
    name: "a % that stalls its peer's upload, answers and closes: the answer, the upload is dropped",
    sleeps: true,
    buffers: SMALL_BUFFERS,
    async run({ near, far, wire }) {
      const answer = new Payload(50 * KIB, 2);
      const sent = await far.fill(new Payload(FLOOD), 100);
      wire.relay.freeze(() => {
        near.sendAtOnce(answer);
        closeClean(near);
      });
      const rest = new Payload(sent + SLOW_UPLOAD);
      expect(await far.pour(rest, sent)).toEqual({ sent: SLOW_UPLOAD, failure: null });
      expectWhole(await far.readToEnd(), answer);
      far.close();
      await wire.idle();
      const [closed] = await wire.closed();
      expect(closed?.ending).toBe("abandoned");
    },
  }),

  ...eitherEnd({
    name: "a % that closes behind an answer that its peer, sending on, does not read yet: all of it",
    sleeps: true,
    buffers: SMALL_BUFFERS,
    async run({ near, far, wire }) {
      const answer = new Payload(FLOOD, 2);
      const sent = await near.fill(answer, 100);
      // A close would not harm what the relay's kernel has; what is still here the upload's own
      // arrival would throw away (tcp(7)).
      let read = 0;
      while (near.isTcp && near.unsent > 0) {
        expect(await far.read(64 * KIB)).toEqual(answer.rest(read).received(64 * KIB));
        read += 64 * KIB;
      }
      near.close();
      expect(await far.pour(new Payload(SLOW_UPLOAD))).toEqual({
        sent: SLOW_UPLOAD,
        failure: null,
      });
      const rest = answer.rest(read).received(sent - read);
      expect(await far.readToEnd()).toEqual({ ...rest, ending: "end" });
      far.close();
      await wire.idle();
    },
  }),

  ...eitherEnd({
    name: "a % that answers, half-closes and reads on: answer and upload are whole",
    async run({ near, far, wire }) {
      const answer = new Payload(100 * KIB, 2);
      await beginUpload(near, far);
      const upload = new Payload(UPLOAD);
      const uploading = far.pour(upload);
      await turn();
      near.sendAtOnce(answer);
      near.halfClose();
      const lingering = near.readToEnd();
      expectWhole(await far.readToEnd(), answer);
      expect(await uploading).toEqual({ sent: UPLOAD, failure: null });
      far.halfClose();
      expectWhole(await lingering, upload);
      await wire.idle();
    },
  }),

  ...eitherEnd({
    name: "a % that closes without a word while its peer sends: end of stream",
    async run({ near, far }) {
      await beginUpload(near, far);
      near.close();
      expect(await far.pour(new Payload(UPLOAD))).toEqual({ sent: UPLOAD, failure: null });
      expectWhole(await far.readToEnd(), new Payload(0));
    },
  }),

  ...eitherEnd({
    name: "a % whose peer closed long ago writes on: it is read and dropped, never an error",
    async run({ near, far }) {
      far.close();
      expectWhole(await near.readToEnd(), new Payload(0));
      for (let round = 0; round < 20; round += 1) {
        expect(await near.pour(new Payload(100 * KIB))).toEqual({ sent: 100 * KIB, failure: null });
        await turn();
      }
      expect(near.tryReceive()).toBe("end");
    },
  }),
];

/**
 * Waits until the relay's kernel has all that a TCP end sent. If an end closes before that, its
 * kernel answers further bytes of its peer with a reset, and throws away what is left to send
 * (tcp(7)).
 */
async function reachedRelay(end: RawSocket): Promise<void> {
  if (end.isTcp) await until(() => end.unsent === 0, "the relay's kernel to have the answer");
}

/** The upload's first bytes, all of them read: a close is then clean, although more is to come. */
async function beginUpload(near: RawSocket, far: RawSocket): Promise<void> {
  const first = new Payload(64 * KIB, 3);
  await Promise.all([far.send(first), near.read(first.length)]);
}
