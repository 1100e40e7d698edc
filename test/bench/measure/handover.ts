import { HANDOVERS } from "../peers/index.ts";
import type { Relay } from "../relays.ts";
import type { Row, Titles } from "../row.ts";
import { redisRow } from "./redis.ts";

// So long after the start of the load.
const HANGUP_MILLISECONDS = 100;

/**
 * A row of new connections while our own relay hands over to a new process, beside the same load
 * without that. A client that is refused fails the load.
 */
export function handoverRow(titles: Titles, clients: number): Row {
  const load = { clients, reconnect: true };
  const row = redisRow(titles, load, undefined, hangUp);
  return { ...row, headline: "p99", variants: Object.keys(HANDOVERS) };
}

async function hangUp({ name, pid }: Relay): Promise<void> {
  if (HANDOVERS[name]?.handsOver !== true || pid === undefined) return;
  await Bun.sleep(HANGUP_MILLISECONDS);
  process.kill(pid, "SIGHUP");
}
