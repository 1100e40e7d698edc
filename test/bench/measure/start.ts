import { startToStreams } from "../first-answer.ts";
import { cpuOf } from "../processes.ts";
import type { Row, Titles } from "../row.ts";

/** A row of the time from a relay's start to the first answer that came through it. */
export function startRow(titles: Titles): Row {
  return {
    ...titles,
    figures: {
      time: { unit: "ms", digits: 1 },
      cpu: { unit: "CPU ms/start", digits: 1 },
    },
    headline: "time",
    needsRedis: false,
    hasDirect: false,
    async measure({ relays, streams }, relayName, direction) {
      const prepared = await relays.prepare(relayName, direction, streams.at);
      const ready = await startToStreams(streams, direction, prepared);
      await using relay = ready.relay;
      return {
        time: (ready.at - relay.startedAt) / 1e6,
        cpu: cpuOf(relay.pid) / 1e6,
        work: 1,
      };
    },
  };
}
