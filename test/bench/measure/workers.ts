import { socketsOfLoops } from "../event-loops.ts";
import { WORKERS } from "../peers/index.ts";
import type { Relay } from "../relays.ts";
import type { Row, Titles } from "../row.ts";
import type { Sample } from "../samples.ts";
import { redisRow } from "./redis.ts";

/** A row's load, put on our own relay with one worker and with several. */
export function byWorkers(row: Row): Row {
  return { ...row, variants: Object.keys(WORKERS) };
}

/** A row of redis-benchmark's GET by workers, with how the clients spread over them. */
export function redisByWorkersRow(titles: Titles, clients: number): Row {
  const row = redisRow(titles, { clients }, spreadOf);
  const figures = {
    ...row.figures,
    fewest: { unit: "fewest a worker", digits: 0 },
    most: { unit: "most a worker", digits: 0 },
  };
  return byWorkers({ ...row, figures });
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
