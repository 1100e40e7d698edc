import { costOf } from "../relays.ts";
import type { Row, Titles } from "../row.ts";

const PING_BYTES = 64;
const GB = 1e9;
// Bulk goes on after the pings for at least this long, so that none of them has the relay for
// itself.
const BULK_LONGER_SECONDS = 0.2;

/** A row of bulk over so many connections at once. */
export function bulkRow(titles: Titles, streams: number): Row {
  return {
    ...titles,
    figures: { rate: { unit: "GB/s", digits: 2 }, cpu: { unit: "CPU s/GB", digits: 3 } },
    headline: "cpu",
    needsRedis: false,
    hasDirect: true,
    async measure(bench, relayName, direction) {
      const { sender, sink } = bench.streams;
      const relay = await bench.pool.toStreams(relayName, direction, bench.streams);
      const { result, cpu } = await bench.around(titles.name, relay, () =>
        costOf(relay, () =>
          sink.serve({ do: "sink", on: direction.destination, streams }, () =>
            sender.obey({ do: "bulk", to: relay.address, streams, seconds: bench.seconds }),
          ),
        ),
      );
      const { bytes, seconds } = result.served;
      return {
        rate: bytes / GB / seconds,
        ...(cpu !== undefined && { cpu: cpu / bytes }),
        work: bytes / GB,
      };
    },
  };
}

/** A row of pings, one after the other over one connection, with nothing else to do. */
export function pingRow(titles: Titles): Row {
  return {
    ...titles,
    figures: {
      rate: { unit: "pings/s", digits: 0 },
      p50: { unit: "us", digits: 1 },
      p99: { unit: "us", digits: 1 },
      cpu: { unit: "CPU us/ping", digits: 1 },
    },
    headline: "cpu",
    needsRedis: false,
    hasDirect: true,
    // Where the kernel places the processes decides the level.
    levels: ["p50", "cpu"],
    async measure(bench, relayName, direction) {
      const { pinger, echo } = bench.streams;
      const relay = await bench.pool.toStreams(relayName, direction, bench.streams);
      const { seconds } = bench;
      const { result, cpu } = await bench.around(titles.name, relay, () =>
        costOf(relay, () =>
          echo.serve({ do: "echo", on: direction.destination }, () =>
            pinger.obey({ do: "ping", to: relay.address, size: PING_BYTES, seconds }),
          ),
        ),
      );
      const { pings, seconds: took, p50, p99 } = result.loaded;
      return {
        rate: pings / took,
        p50: p50 / 1000,
        p99: p99 / 1000,
        ...(cpu !== undefined && { cpu: cpu / 1000 / pings }),
        work: pings,
      };
    },
  };
}

/** A row of pings while a stream of bulk goes through the same relay. */
export function pingUnderBulkRow(titles: Titles): Row {
  return {
    ...titles,
    figures: {
      rate: { unit: "pings/s", digits: 0 },
      p50: { unit: "us", digits: 0 },
      p99: { unit: "us", digits: 0 },
      bulk: { unit: "GB/s beside", digits: 2 },
      cpu: { unit: "CPU s/GB beside", digits: 3 },
    },
    headline: "p99",
    needsRedis: false,
    hasDirect: true,
    async measure(bench, relayName, direction) {
      const { pinger, sender, echo, sink } = bench.streams;
      const relay = await bench.pool.toStreams(relayName, direction, bench.streams);
      const { seconds } = bench;
      const on = direction.destination;
      const ping = () =>
        echo.serve({ do: "echo", on }, () =>
          pinger.obey({ do: "ping", to: relay.address, size: PING_BYTES, seconds }),
        );
      const bulkSeconds = seconds + BULK_LONGER_SECONDS;
      const bulk = () =>
        sender.obey({ do: "bulk", to: relay.address, streams: 1, seconds: bulkSeconds });
      const { result, cpu } = await bench.around(titles.name, relay, () =>
        costOf(relay, () =>
          sink.serve({ do: "sink", on, streams: 1 }, (begun) =>
            Promise.all([begun.then(ping), bulk()]),
          ),
        ),
      );
      const { bytes, seconds: bulkTook } = result.served;
      const { pings, seconds: took, p50, p99 } = result.loaded[0].loaded;
      return {
        rate: pings / took,
        p50: p50 / 1000,
        p99: p99 / 1000,
        bulk: bytes / GB / bulkTook,
        ...(cpu !== undefined && { cpu: cpu / bytes }),
        work: pings,
      };
    },
  };
}
