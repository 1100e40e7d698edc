import { expect } from "bun:test";
import type { Direction, Kind, Role, Wire, WireOptions } from "../directions.ts";
import type { Payload } from "../../support/sockets/payload.ts";
import type { RawSocket, ReceivedAll } from "../../support/sockets/raw-socket.ts";

/** One promise of the table (design, "What one side does, the other side sees"), as a test. */
export interface Row extends WireOptions {
  /** A sentence: what one side does, and what the other sees. */
  readonly name: string;
  /** The directions that it is about; all where absent. */
  readonly where?: (direction: Direction) => boolean;
  /** Whether it waits for timers most of the time: it then runs beside others. Default: false. */
  readonly sleeps?: boolean;
  run(wire: Wire): Promise<void>;
}

/** The two ends of a connection by what a row is about: who acts, and who sees it. */
export interface Ends {
  /** The end that acts. */
  readonly near: RawSocket;
  /** The end that sees what becomes of it. */
  readonly far: RawSocket;
  readonly nearRole: Role;
  readonly wire: Wire;
}

/** A row about either end: `name` has a `%` for the one that acts. */
export interface EitherEnd extends Omit<Row, "run" | "where"> {
  /** Whether it is about an acting end of that kind; of any where absent. */
  readonly near?: (kind: Kind) => boolean;
  run(ends: Ends): Promise<void>;
}

/** The two rows of something that either end may do. */
export function eitherEnd({ name, near, run, ...options }: EitherEnd): Row[] {
  return (["client", "destination"] as const).map((nearRole) => ({
    ...options,
    name: name.replaceAll("%", nearRole),
    ...(near !== undefined && { where: (direction) => near(kindOf(direction, nearRole)) }),
    async run(wire) {
      const ends = await wire.ends();
      const farRole = nearRole === "client" ? "destination" : "client";
      await run({ near: ends[nearRole], far: ends[farRole], nearRole, wire });
    },
  }));
}

/** One row that does something from either end, on two connections at the same time. */
export function bothEnds({ run, ...options }: Omit<EitherEnd, "near">): Row {
  return {
    ...options,
    async run(wire) {
      const [one, other] = [await wire.ends(), await wire.ends()];
      await Promise.all([
        run({ near: one.client, far: one.destination, nearRole: "client", wire }),
        run({ near: other.destination, far: other.client, nearRole: "destination", wire }),
      ]);
    },
  };
}

function kindOf({ source, destination }: Direction, role: Role): Kind {
  return role === "client" ? source : destination;
}

/** The stream was all of `payload`, then an end of stream. */
export function expectWhole(stream: ReceivedAll, payload: Payload): void {
  expect(stream).toEqual({ ...payload.received(), ending: "end" });
}

/** The stream was the first bytes of `payload`, at least `least` of them, then a failure. */
export async function expectFailure(
  end: RawSocket,
  stream: ReceivedAll,
  payload: Payload,
  least = 0,
): Promise<void> {
  const { ending, ...received } = stream;
  expect(received.length).toBeGreaterThanOrEqual(least);
  expect(received).toEqual(payload.received(received.length));
  await expectFailed(end, ending);
}

/**
 * The end has seen a failure: a reset of TCP, the close of a Unix socket. A half-close would let it
 * go on.
 */
export async function expectFailed(end: RawSocket, ending: string): Promise<void> {
  if (end.isTcp) {
    expect(ending).toBe("ECONNRESET");
  } else {
    expect(["end", "ECONNRESET"]).toContain(ending);
    await end.hangUp();
  }
}
