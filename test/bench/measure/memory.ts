import { startToStreams } from "../first-answer.ts";
import { memoryOf } from "../processes.ts";
import { blame, type Direction, type Relay } from "../relays.ts";
import type { Bench, Row, Titles } from "../row.ts";

// What a relay sets up once, with its first connections, is not to count for each.
const FIRST_CONNECTIONS = 50;
// The relay that starts as many processes, which takes long and the machine's breath away.
export const PROCESS_A_CONNECTION = "socat";
const QUICK_PROCESSES = 1000;
const CALM_MILLISECONDS = 100;

/** A row of the memory that a connection takes on which nothing happens. */
export function memoryRow(titles: Titles, connections: number): Row {
  return {
    ...titles,
    figures: { memory: { unit: "KiB/connection", digits: 1 } },
    headline: "memory",
    needsRedis: false,
    hasDirect: false,
    async measure(bench, relayName, direction) {
      const { relays, streams, quick } = bench;
      if (quick && relayName === PROCESS_A_CONNECTION && connections > QUICK_PROCESSES)
        throw new Error(`a quick run does not start ${connections} processes`);
      const prepared = await relays.prepare(relayName, direction, streams.at);
      const ready = await startToStreams(streams, direction, prepared);
      await using relay = ready.relay;
      const memoryNow = async () => {
        await Bun.sleep(CALM_MILLISECONDS);
        return memoryOf(relay.pid);
      };
      try {
        await holding(bench, relay, direction, FIRST_CONNECTIONS, async () => {});
        const before = await memoryNow();
        const after = await holding(bench, relay, direction, connections, memoryNow);
        return { memory: (after - before) / connections, work: connections };
      } catch (error) {
        throw await blame(relay, error);
      }
    },
  };
}

/** Does something while so many connections are open through a relay. */
export async function holding<Result>(
  { streams: { sender, sink } }: Bench,
  relay: Relay,
  direction: Direction,
  connections: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const order = { do: "hold", on: direction.destination, connections } as const;
  const { loaded } = await sink.serve(order, async (begun) => {
    try {
      await Promise.all([sender.obey({ do: "hold", to: relay.address, connections }), begun]);
      return await work();
    } finally {
      await sender.obey({ do: "release" });
    }
  });
  return loaded;
}
