import { socketsOfLoops } from "../event-loops.ts";
import { WORKERS } from "../peers/index.ts";
import type { Relay } from "../relays.ts";
import type { Row, Titles } from "../row.ts";
import type { Sample } from "../samples.ts";
import { redisRow } from "./redis.ts";

/** A row of redis-benchmark's GET through our own relay with one worker and with several. */
export function workersRow(titles: Titles, clients: number): Row {
  const row = redisRow(titles, { clients }, spreadOf);
  return {
    ...row,
    figures: {
      ...row.figures,
      fewest: { unit: "fewest a worker", digits: 0 },
      most: { unit: "most a worker", digits: 0 },
    },
    variants: Object.keys(WORKERS),
  };
}

/** The fewest and the most connections that a worker has. */
function spreadOf({ pid }: Relay): Sample {
  if (pid === undefined) return {};
  const connections = socketsOfLoops(pid)
    // The main thread of several workers watches none; each worker the source, at least.
    .filter((sockets) => sockets > 0)
    // A connection is two, and the source may be one more.
    .map((sockets) => Math.floor(sockets / 2));
  return { fewest: Math.min(...connections), most: Math.max(...connections) };
}
