import { expect } from "bun:test";
import fc from "fast-check";
import { type Direction, type Role, Wire } from "./directions.ts";
import { Payload } from "../support/sockets/payload.ts";
import type { RawSocket, ReceivedAll } from "../support/sockets/raw-socket.ts";
import type { Harness } from "./relay-under-test.ts";
import type { Errno } from "../support/process/system-calls.ts";
import { turn, until } from "../support/waiting.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** What one end of a connection does. */
interface EndPlan {
  /** Sizes of its writes, and the pause after each in milliseconds. */
  readonly writes: readonly { readonly size: number; readonly pause: number }[];
  /** Sizes of its reads, in turn, and the pause after each. */
  readonly reads: readonly { readonly size: number; readonly pause: number }[];
  readonly finish: Finish;
}

/**
 * - `half-close`: after its last write; it reads on to the end.
 * - `close`: both directions, once the relay has all it wrote and it has nothing unread.
 * - `fail`: after its last write, instead of an end: a reset, or a Unix socket's close.
 * - `fail later`: a half-close, and a failure a little later.
 */
type Finish = "half-close" | "close" | "fail" | "fail later";

/** One connection: what its two ends do. */
export type Plan = Readonly<Record<Role, EndPlan>>;

const CONNECTIONS = 50;

// Milliseconds from a half-close to the failure that follows it.
const FAIL_LATER = 5;

// Reads of a few bytes of many megabytes would take all day.
const READ_LEAST = 1 * KIB;
const READ_PAUSES_MOST = 50;

const size = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 64 }) },
  { weight: 5, arbitrary: fc.integer({ min: 65, max: 16 * KIB }) },
  { weight: 3, arbitrary: fc.integer({ min: 16 * KIB, max: 256 * KIB }) },
  { weight: 1, arbitrary: fc.integer({ min: 256 * KIB, max: 4 * MIB }) },
);
const pause = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 20 }) },
);
const finish = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Finish>("half-close") },
  { weight: 1, arbitrary: fc.constant<Finish>("close") },
  { weight: 1, arbitrary: fc.constant<Finish>("fail") },
  { weight: 1, arbitrary: fc.constant<Finish>("fail later") },
);
const end: fc.Arbitrary<EndPlan> = fc.record({
  writes: fc.array(fc.record({ size, pause }), { maxLength: 8 }),
  reads: fc.array(fc.record({ size, pause }), { minLength: 1, maxLength: 8 }),
  finish,
});

/** Fifty connections that are open at the same time. */
export const plans: fc.Arbitrary<readonly Plan[]> = fc.array(
  fc.record({ client: end, destination: end }),
  { minLength: CONNECTIONS, maxLength: CONNECTIONS },
);

/** Runs connections at the same time through one relay and checks what their ends have seen. */
export async function checkPlans(
  harness: Harness,
  direction: Direction,
  plans: readonly Plan[],
): Promise<void> {
  await using wire = await Wire.open(harness, direction);
  const ends: Record<Role, RawSocket>[] = [];
  // One after the other, so that it is known whose destination is whose; then all at once.
  for (const _ of plans) ends.push(await wire.ends());
  const checks = ends.map(async (pair, index) => {
    const plan = plans[index];
    if (plan === undefined) return;
    const [client, destination] = await Promise.all([
      perform(pair.client, plan.client, 2 * index),
      perform(pair.destination, plan.destination, 2 * index + 1),
    ]);
    check(client, destination);
    check(destination, client);
  });
  await Promise.all(checks);
  await wire.finish();
}

/** What became of one end. */
interface Outcome {
  readonly label: string;
  readonly isTcp: boolean;
  readonly finish: Finish;
  readonly payload: Payload;
  /** Bytes that the kernel took, and what stopped it. */
  readonly sent: number;
  readonly failure: Errno | null;
  /** Whether what it did at last was a failure, and not just a close, to the other side. */
  readonly failed: boolean;
  readonly received: ReceivedAll;
}

async function perform(end: RawSocket, plan: EndPlan, seed: number): Promise<Outcome> {
  const total = plan.writes.reduce((sum, write) => sum + write.size, 0);
  const payload = new Payload(total, 1 + seed);
  const reading = read(end, plan);
  const { sent, failure } = await write(end, plan, payload);
  const failed = failure === null && (await finishAs(end, plan.finish));
  const received = await reading;
  const { label, isTcp } = end;
  return { label, isTcp, finish: plan.finish, payload, sent, failure, failed, received };
}

async function write(end: RawSocket, { writes }: EndPlan, payload: Payload) {
  let sent = 0;
  for (const { size, pause } of writes) {
    const chunk = payload.rest(sent).first(size);
    const result = await end.pour(chunk);
    sent += result.sent;
    if (result.failure !== null) return { sent, failure: result.failure };
    if (pause > 0) await Bun.sleep(pause);
  }
  return { sent, failure: null };
}

async function read(end: RawSocket, { reads }: EndPlan): Promise<ReceivedAll> {
  const hash = new Bun.CryptoHasher("sha256");
  let length = 0;
  for (let round = 0; ; round += 1) {
    const { size, pause } = reads[round % reads.length] ?? { size: 1, pause: 0 };
    const received = await end.receive(READ_LEAST + size);
    if (typeof received === "string")
      return { length, sha256: hash.digest("hex"), ending: received };
    hash.update(received);
    length += received.length;
    if (pause > 0 && round < READ_PAUSES_MOST) await Bun.sleep(pause);
    else await turn();
  }
}

/** Ends the own stream as planned. True where the other side is to see a failure. */
async function finishAs(end: RawSocket, finish: Finish): Promise<boolean> {
  if (finish === "fail") return fail(end);
  if (finish === "close") {
    // What the kernel has not delivered, and what it then still gets, would make it a failure.
    const settled = () => end.unread === 0 && (!end.isTcp || end.unsent === 0);
    await until(() => settled() || end.isHungUp, `the ${end.label} to be done`);
    end.close();
    return false;
  }
  end.tryHalfClose();
  if (finish === "half-close") return false;
  await Bun.sleep(FAIL_LATER);
  return fail(end);
}

function fail(end: RawSocket): boolean {
  const failed = end.isTcp || end.unread > 0;
  if (end.isTcp) end.reset();
  else end.close();
  return failed;
}

/** What `to` has seen of what `from` did. */
function check(from: Outcome, to: Outcome): void {
  const { ending, ...received } = to.received;
  const context = JSON.stringify({ from: brief(from), to: brief(to) });
  const holds = (what: string, condition: boolean) => {
    if (!condition) throw new Error(`${what}: ${context}`);
  };
  holds("nothing that was not sent", received.length <= from.sent);
  expect(received, context).toEqual(from.payload.received(received.length));
  // Whoever closes while the other still sends leaves bytes unread: whether the other meets that
  // as a failure is a matter of who was first.
  if (from.finish === "close" && (to.failure !== null || to.sent > from.received.length)) return;
  if (from.finish === "half-close" || from.finish === "close")
    holds("no failed write to an end without failure", to.failure === null);
  // An end that closes or fails need not see how the other one ended.
  if (to.finish !== "half-close") return;
  const sawFailure = ending === "ECONNRESET" || to.failure === "ECONNRESET";
  const whole = ending === "end" && received.length === from.sent;
  switch (from.finish) {
    case "half-close":
    case "close":
      return holds("all bytes, then end of stream", whole);
    case "fail":
      if (!from.failed) return holds("all bytes of a plain close", whole);
      return holds("a failure that is seen", sawFailure || !to.isTcp);
    case "fail later":
      return holds("a clean end of a whole stream only", sawFailure || whole || !to.isTcp);
  }
}

function brief({ payload, received, ...rest }: Outcome) {
  const { length, ending } = received;
  return { ...rest, planned: payload.length, received: length, ending };
}
