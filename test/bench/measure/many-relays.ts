import { MANY_RELAYS } from "../peers/index.ts";
import { memoryOf } from "../processes.ts";
import type { Relay } from "../relays.ts";
import type { Row, Titles } from "../row.ts";
import type { Sample } from "../samples.ts";
import { redisRow } from "./redis.ts";

const KIB_A_MIB = 1024;

/**
 * A row of redis-benchmark's GET through one of many relays of a process, with the process' memory.
 */
export function manyRelaysRow(titles: Titles, clients: number): Row {
  const row = redisRow(titles, { clients }, memory);
  return {
    ...row,
    figures: { ...row.figures, memory: { unit: "MiB", digits: 1 } },
    variants: Object.keys(MANY_RELAYS),
  };
}

function memory({ pid }: Relay): Sample {
  return pid === undefined ? {} : { memory: memoryOf(pid) / KIB_A_MIB };
}
