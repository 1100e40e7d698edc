import { Payload } from "../sockets/payload.ts";
import type { RawSocket, ReceivedAll } from "../sockets/raw-socket.ts";
import type { Errno } from "../process/system-calls.ts";
import { turn, until } from "../waiting.ts";
import type { RawPlan } from "./plan.ts";

/** Milliseconds for one thing to happen, on a machine that is busy with other things too. */
export const PATIENCE = 30_000;

// Milliseconds from a half-close to the failure that follows it.
const FAIL_LATER = 5;

// How long one that is to vanish waits for something that it leaves unread.
const VANISH_WAIT = 100;

// A slow reader is slow for this many reads: of a few megabytes it would read all day.
const RESTS_MOST = 100;

/**
 * How an end's own stream came to its end:
 * - `half-closed`: all of it was sent and an end of stream; it stayed until its peer's end.
 * - `closed`: the same, but it did not stay: what its peer sent may have been thrown away.
 * - `failed`: by a reset, or a close with unread data.
 * - `failed later`: it was half-closed, and failed then.
 * - `cut`: a write failed.
 */
export type How = "half-closed" | "closed" | "failed" | "failed later" | "cut";

/** What became of an end. */
export interface RawOutcome {
  readonly kind: "raw";
  readonly isTcp: boolean;
  readonly payload: Payload;
  /** Bytes that the kernel took. */
  readonly sent: number;
  /** What stopped a write. */
  readonly failure: Errno | null;
  readonly how: How;
  /** What it read, to the end of the stream or to its own close (EBADF). */
  readonly received: ReceivedAll;
}

/** Does what is planned on a socket, and closes it. */
export async function actRaw(end: RawSocket, plan: RawPlan, seed: number): Promise<RawOutcome> {
  const payload = new Payload(plan.length, seed);
  if (plan.silent > 0) await Bun.sleep(plan.silent);
  const [received, written] = await Promise.all([read(end, plan), write(end, plan, payload)]);
  end.close();
  return { kind: "raw", isTcp: end.isTcp, payload, ...written, received };
}

async function write(
  end: RawSocket,
  plan: RawPlan,
  payload: Payload,
): Promise<Pick<RawOutcome, "sent" | "failure" | "how">> {
  let sent = 0;
  while (sent < payload.length) {
    const rest = payload.rest(sent);
    const piece = rest.first(Math.min(plan.piece, rest.length));
    const result = await end.pour(piece, 0, PATIENCE);
    sent += result.sent;
    if (result.failure !== null) return { sent, failure: result.failure, how: "cut" };
    if (plan.pause > 0) await Bun.sleep(plan.pause);
  }
  return { sent, failure: null, how: await finish(end, plan) };
}

async function finish(end: RawSocket, { finish }: RawPlan): Promise<How> {
  switch (finish) {
    case "half-close":
      end.tryHalfClose();
      return "half-closed";
    case "close": {
      const settled = () => !end.isOpen || (end.unread === 0 && (!end.isTcp || end.unsent === 0));
      await until(() => settled() || end.isHungUp, `the ${end.label} to be done`, PATIENCE);
      end.close();
      return "closed";
    }
    case "reset":
      return fail(end);
    case "vanish": {
      const deadline = performance.now() + VANISH_WAIT;
      const unread = () => !end.isOpen || end.unread > 0 || performance.now() >= deadline;
      await until(unread, "something unread", PATIENCE);
      const failed = end.isOpen && end.unread > 0;
      end.close();
      return failed ? "failed" : "closed";
    }
    case "fail later":
      end.tryHalfClose();
      await Bun.sleep(FAIL_LATER);
      fail(end);
      return "failed later";
  }
}

function fail(end: RawSocket): How {
  if (!end.isOpen) return "closed";
  const failed = end.isTcp || end.unread > 0;
  if (end.isTcp) end.reset();
  else end.close();
  return failed ? "failed" : "closed";
}

async function read(end: RawSocket, plan: RawPlan): Promise<ReceivedAll> {
  const hash = new Bun.CryptoHasher("sha256");
  const seen = (ending: ReceivedAll["ending"]) => ({ length, sha256: hash.digest("hex"), ending });
  let length = 0;
  let { stall } = plan;
  // One that is to vanish leaves unread what comes.
  if (plan.finish === "vanish") return seen("EBADF");
  for (let reads = 1; ; reads += 1) {
    const received = await end.receive(plan.gulp, PATIENCE);
    if (typeof received === "string") return seen(received);
    hash.update(received);
    length += received.length;
    if (stall !== null && length > stall.after) {
      await Bun.sleep(stall.ms);
      stall = null;
    }
    if (plan.rest > 0 && reads <= RESTS_MOST) await Bun.sleep(plan.rest);
    else await turn();
  }
}
