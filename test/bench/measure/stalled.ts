import { startToStreams } from "../first-answer.ts";
import { memoryOf, pipeBytesOf } from "../processes.ts";
import { ALL_DIRECTIONS, blame, type RelayProcess } from "../relays.ts";
import type { Bench, Row, Titles } from "../row.ts";
import type { Server } from "../worker.ts";
import { holding, PROCESS_A_CONNECTION } from "./memory.ts";

// What a relay sets up once, with its first connections, is not to count for each.
const IDLE_CONNECTIONS = 50;
// Long enough for the memory of what was read and passed on to be free again.
const CALM_MILLISECONDS = 1000;
const QUICK_MILLISECONDS = 100;
const QUICK_CONNECTIONS = 20;

/**
 * A row of the memory that connections take both of whose sides send and do not read: that of the
 * relay's processes, and what it keeps in pipes of the kernel. One figure is of the first ones,
 * which pay for what the relay sets up once for bulk; the other is of as many further ones.
 */
export function stalledRow(titles: Titles, most: number): Row {
  return {
    ...titles,
    figures: {
      memory: { unit: "KiB/connection", digits: 1 },
      further: { unit: "KiB/further one", digits: 1 },
    },
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
      const memoryNow = async () => {
        await Bun.sleep(quick ? QUICK_MILLISECONDS : CALM_MILLISECONDS);
        return memoryOf(relay.pid) + pipeBytesOf(relay.pid) / 1024;
      };
      try {
        await holding(bench, relay, direction, IDLE_CONNECTIONS, async () => {});
        const none = await memoryNow();
        // A server is busy with its connections until they end, so the further ones need another.
        const [some, all] = await stalling(
          bench,
          streams.echo,
          relay,
          [0, connections],
          async () => {
            const memory = await memoryNow();
            const counts = [connections, connections] as const;
            return [memory, await stalling(bench, streams.sink, relay, counts, memoryNow)] as const;
          },
        );
        return {
          memory: (some - none) / connections,
          further: (all - some) / connections,
          work: 2 * connections,
        };
      } catch (error) {
        throw await blame(relay, error);
      }
    },
  };
}

/**
 * Does something while so many more connections through a relay are stalled, and ends the relay
 * after that.
 */
async function stalling<Result>(
  { streams: { sender } }: Bench,
  server: Server,
  relay: RelayProcess,
  [already, more]: readonly [already: number, more: number],
  work: () => Promise<Result>,
): Promise<Result> {
  const order = { do: "stall", on: relay.direction.destination, connections: more } as const;
  const { loaded } = await server.serve(order, async (begun) => {
    try {
      const connections = already + more;
      await Promise.all([sender.obey({ do: "stall", to: relay.address, connections }), begun]);
      return await work();
    } finally {
      // The bytes that nobody reads keep the relay from ending them.
      await relay[Symbol.asyncDispose]();
      await sender.obey({ do: "release" });
    }
  });
  return loaded;
}
