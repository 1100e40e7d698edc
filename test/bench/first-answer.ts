import type { Redis, Streams } from "./destinations.ts";
import { blame, type Direction, type RelayProcess, type RelayToStart } from "./relays.ts";

const PING = "p".repeat(64);

/** A relay that has answered, and when it first did, in nanoseconds of the machine's clock. */
export interface Ready {
  readonly relay: RelayProcess;
  readonly at: number;
}

/** Starts a relay to the streams and has a first ping answered. The caller ends it. */
export async function startToStreams(
  streams: Streams,
  direction: Direction,
  prepared: RelayToStart,
): Promise<Ready> {
  const { pinger, echo } = streams;
  return startAndAsk(prepared, async () => {
    const { loaded } = await echo.serve({ do: "echo", on: direction.destination }, () =>
      pinger.obey({ do: "first", to: prepared.address, message: PING, answer: PING.length }),
    );
    return loaded.at;
  });
}

/** Starts a relay to Redis and has a first PING answered. The caller ends it. */
export async function startToRedis(
  streams: Streams,
  redis: Redis,
  prepared: RelayToStart,
): Promise<Ready> {
  return startAndAsk(prepared, async () => {
    const { message, answer } = redis.ping;
    const { at } = await streams.pinger.obey({
      do: "first",
      to: prepared.address,
      message,
      answer,
    });
    return at;
  });
}

async function startAndAsk(prepared: RelayToStart, ask: () => Promise<number>): Promise<Ready> {
  // The client tries again and again from before the start on: so nothing of its own is in the
  // time.
  const asking = ask();
  const relay = prepared.start();
  try {
    return { relay, at: await asking };
  } catch (error) {
    await relay[Symbol.asyncDispose]();
    throw await blame(relay, error);
  }
}
