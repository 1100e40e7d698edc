import type { Dice } from "./dice.ts";

const KIB = 1024;

/**
 * How an end is done with its own stream:
 * - `half-close`: after its last byte; it reads on to the end.
 * - `close`: both directions, once all of it was taken and nothing is unread.
 * - `reset`: after its last byte, instead of an end; of a Unix socket a close like `vanish`.
 * - `vanish`: it reads nothing, and closes as soon as something is unread, as a process that died.
 * - `fail later`: a half-close, and a failure some milliseconds later.
 */
export type Finish = "half-close" | "close" | "reset" | "vanish" | "fail later";

/** What an end does that this process has in its own hands. Times in milliseconds. */
export interface RawPlan {
  readonly kind: "raw";
  /** How long it says nothing and reads nothing at first. */
  readonly silent: number;
  /** Bytes that it sends, in pieces of at most `piece`, with a pause after each. */
  readonly length: number;
  readonly piece: number;
  readonly pause: number;
  /** Bytes that it reads at once, and the pause after each time. */
  readonly gulp: number;
  readonly rest: number;
  /** Once, after so many bytes read: how long it reads no more. */
  readonly stall: { readonly after: number; readonly ms: number } | null;
  readonly finish: Finish;
}

/** An end that is a process of its own, which sends back what it gets. Times in milliseconds. */
export interface ProcessPlan {
  readonly kind: "process";
  /** How long it runs, and how long it is then stopped, by turns. */
  readonly turns: readonly { readonly runs: number; readonly stopped: number }[];
  /** Whether it is killed while it is stopped for the last time. */
  readonly killed: boolean;
}

/** One connection: what its two ends do. */
export interface SessionPlan {
  readonly client: RawPlan | ProcessPlan;
  readonly destination: RawPlan | ProcessPlan;
}

/** What a connection's two ends are to do. */
export function drawSession(dice: Dice): SessionPlan {
  const process = dice.chance(0.06);
  const both = () => ({ client: drawRaw(dice), destination: drawRaw(dice) });
  if (!process) return both();
  const echo = drawProcess(dice);
  // What comes back is checked to its end.
  const talker: RawPlan = { ...drawRaw(dice), finish: "half-close" };
  return dice.chance(0.5)
    ? { client: echo, destination: talker }
    : { client: talker, destination: echo };
}

/** A short exchange without a pause, for many at once and many in a row. */
export function drawShort(dice: Dice): SessionPlan {
  const short = (): RawPlan => ({
    ...{ kind: "raw", silent: 0, piece: 4 * KIB, pause: 0, gulp: 64 * KIB, rest: 0, stall: null },
    length: dice.magnitude(1, 16 * KIB),
    finish: drawFinish(dice),
  });
  return { client: short(), destination: short() };
}

function drawRaw(dice: Dice): RawPlan {
  const finish = drawFinish(dice);
  // One that reads nothing sends what is taken without that: both might do so.
  const length = finish === "vanish" ? dice.magnitude(1, 16 * KIB) : drawLength(dice);
  const slow = dice.chance(0.1);
  return {
    kind: "raw",
    silent: dice.chance(0.06) ? dice.between(50, 1_000) : 0,
    length,
    // In a hundred pieces at most, so that pauses stay within seconds.
    piece: Math.max(Math.ceil(length / 100), dice.magnitude(1, 256 * KIB)),
    pause: dice.chance(0.2) ? dice.between(1, 20) : 0,
    gulp: dice.magnitude(slow ? KIB : 16 * KIB, slow ? 32 * KIB : 1_024 * KIB),
    rest: slow ? dice.between(1, 10) : 0,
    stall: dice.chance(0.06)
      ? { after: dice.between(0, length), ms: dice.between(50, 1_500) }
      : null,
    finish,
  };
}

function drawFinish(dice: Dice): Finish {
  return dice.pick<Finish>([
    [70, "half-close"],
    [8, "close"],
    [8, "reset"],
    [8, "vanish"],
    [6, "fail later"],
  ]);
}

/** Mostly little, now and then more than the kernel's buffers of one connection hold. */
function drawLength(dice: Dice): number {
  return dice.pick([
    [5, 0],
    [80, dice.magnitude(1, 64 * KIB)],
    [12, dice.magnitude(64 * KIB, 1_024 * KIB)],
    [3, dice.magnitude(1_024 * KIB, 16 * 1_024 * KIB)],
  ]);
}

function drawProcess(dice: Dice): ProcessPlan {
  const turn = () => ({ runs: dice.between(0, 100), stopped: dice.between(20, 800) });
  return {
    kind: "process",
    turns: Array.from({ length: dice.between(1, 3) }, turn),
    killed: dice.chance(0.3),
  };
}
