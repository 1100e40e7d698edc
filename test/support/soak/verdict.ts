import type { ProcessOutcome } from "./echo-process.ts";
import type { RawOutcome } from "./raw-end.ts";

export type Outcome = RawOutcome | ProcessOutcome;

/**
 * Judges a connection whose destination was reached: bytes are whole or a prefix, and a failure
 * never looks like a clean end.
 *
 * @throws with what does not hold
 */
export function judge(client: Outcome, destination: Outcome): void {
  const context = () => JSON.stringify({ client: brief(client), destination: brief(destination) });
  const holds = (what: string, condition: boolean) => {
    if (!condition) throw new Error(`${what}: ${context()}`);
  };
  if (client.kind === "raw" && destination.kind === "raw") {
    judgeStream(client, destination, holds);
    judgeStream(destination, client, holds);
  } else if (client.kind === "raw" && destination.kind === "process") {
    judgeEcho(client, destination, holds);
  } else if (client.kind === "process" && destination.kind === "raw") {
    judgeEcho(destination, client, holds);
  }
}

/**
 * Judges a client whose destination was away: it got nothing, and if it stayed to see it, a
 * failure.
 *
 * @throws with what does not hold
 */
export function judgeUnreached(client: Outcome): void {
  if (client.kind === "process") return;
  const { isTcp, received, failure, how } = client;
  const stayed = how === "half-closed" || how === "cut";
  const sawFailure = failure !== null || received.ending !== "end";
  if (received.length > 0 || (stayed && isTcp && !sawFailure))
    throw new Error(
      `a client without a destination sees a failure: ${JSON.stringify(brief(client))}`,
    );
}

type Holds = (what: string, condition: boolean) => void;

/** What `to` has seen of what `from` sent. */
function judgeStream(from: RawOutcome, to: RawOutcome, holds: Holds): void {
  const { received } = to;
  holds("nothing that was not sent", received.length <= from.sent);
  holds("a prefix of what was sent", isPrefix(from, received));
  // A write fails only where the reader failed, or may have closed while something came for it.
  const mayBreak = from.how !== "half-closed" && !closedClean(from);
  holds("no failed write to an end that did not fail", to.failure === null || mayBreak);
  // One that did not stay to the end has not seen how it came.
  if (to.how !== "half-closed" && to.how !== "cut") return;
  const whole = received.ending === "end" && received.length === from.sent;
  // Of a Unix socket a failure is a close, which looks the same as a clean end (unix(7)).
  const failed = received.ending !== "end" || to.failure !== null || !to.isTcp;
  if (from.how === "half-closed" || closedClean(from))
    holds("all bytes, then end of stream", whole);
  else if (from.how === "failed" || from.how === "cut") holds("a failure that is seen", failed);
  else holds("a clean end of a whole stream only", whole || failed);
}

/** What came back from a process that sends back what it gets. */
function judgeEcho(talker: RawOutcome, echo: ProcessOutcome, holds: Holds): void {
  const { received, sent, failure } = talker;
  holds("no more back than was sent", received.length <= sent);
  holds("the same back", isPrefix(talker, received));
  if (echo.killed) return;
  holds("no failed write to a process that lives", failure === null);
  holds("all back, then end of stream", received.ending === "end" && received.length === sent);
}

/** Closed with nothing unread and nothing that could still have come. */
function closedClean({ how, received }: RawOutcome): boolean {
  return how === "closed" && received.ending === "end";
}

function isPrefix({ payload }: RawOutcome, received: RawOutcome["received"]): boolean {
  return payload.received(received.length).sha256 === received.sha256;
}

function brief(outcome: Outcome) {
  if (outcome.kind === "process") return outcome;
  const { payload, received, ...rest } = outcome;
  return { ...rest, planned: payload.length, received: received.length, ending: received.ending };
}
