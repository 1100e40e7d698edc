import { startToStreams } from "../first-answer.ts";
import { memoryOf, pipeBytesOf } from "../processes.ts";
import { ALL_DIRECTIONS, blame } from "../relays.ts";
import type { Row, Titles } from "../row.ts";
import { holding, PROCESS_A_CONNECTION } from "./memory.ts";

// What a relay sets up once, with its first connections, is not to count for each.
const FIRST_CONNECTIONS = 50;
// Long enough for the memory of what was read and passed on to be free again.
const CALM_MILLISECONDS = 1000;
const QUICK_MILLISECONDS = 100;
const QUICK_CONNECTIONS = 20;

/**
 * A row of the memory that a connection takes both of whose sides send and do not read: that of the
 * relay's processes, and what it keeps in pipes of the kernel.
 */
export function stalledRow(titles: Titles, most: number): Row {
  return {
    ...titles,
    figures: { memory: { unit: "KiB/connection", digits: 1 } },
    headline: "memory",
    needsRedis: false,
    hasDirect: false,
    directions: ALL_DIRECTIONS,
    async measure(bench, relayName, direction) {
      const { relays, streams, quick } = bench;
      if (relayName === PROCESS_A_CONNECTION)
        throw new Error("its processes would count, not its buffers");
      const connections = quick ? QUICK_CONNECTIONS : most;
      const prepared = await relays.prepare(relayName, direction, streams.at);
      const ready = await startToStreams(streams, direction, prepared);
      await using relay = ready.relay;
      const { sender, sink } = streams;
      const memoryNow = async () => {
        await Bun.sleep(quick ? QUICK_MILLISECONDS : CALM_MILLISECONDS);
        return memoryOf(relay.pid) + pipeBytesOf(relay.pid) / 1024;
      };
      try {
        await holding(bench, relay, direction, FIRST_CONNECTIONS, async () => {});
        const before = await memoryNow();
        const order = { do: "stall", on: direction.destination, connections } as const;
        const { loaded: after } = await sink.serve(order, async (begun) => {
          try {
            await Promise.all([
              sender.obey({ do: "stall", to: relay.address, connections }),
              begun,
            ]);
            return await memoryNow();
          } finally {
            // The bytes that nobody reads keep the relay from ending them.
            await relay[Symbol.asyncDispose]();
            await sender.obey({ do: "release" });
          }
        });
        return { memory: (after - before) / connections, work: connections };
      } catch (error) {
        throw await blame(relay, error);
      }
    },
  };
}
