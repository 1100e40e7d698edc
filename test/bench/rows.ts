import { handoverRow } from "./measure/handover.ts";
import { manyRelaysRow } from "./measure/many-relays.ts";
import { memoryRow } from "./measure/memory.ts";
import { byObservation } from "./measure/observation.ts";
import { redisRow } from "./measure/redis.ts";
import { stalledRow } from "./measure/stalled.ts";
import { startRow } from "./measure/start.ts";
import { bulkRow, pingRow, pingUnderBulkRow } from "./measure/streams.ts";
import { byWorkers, redisByWorkersRow } from "./measure/workers.ts";
import type { Row } from "./row.ts";

/** Every row of the bench. */
export const ROWS: readonly Row[] = [
  redisRow(
    { name: "get-50", title: "Redis GET, 50 clients", label: "Redis, 50 clients" },
    { clients: 50 },
  ),
  redisRow(
    { name: "get-500", title: "Redis GET, 500 clients", label: "Redis, 500 clients" },
    { clients: 500 },
  ),
  redisRow(
    {
      name: "pipeline-16",
      title: "Redis GET, 50 clients, pipelined by 16",
      label: "Redis, pipelined by 16",
    },
    { clients: 50, pipeline: 16 },
  ),
  redisRow(
    {
      name: "connect",
      title: "Redis GET, 50 clients, a new connection each time",
      label: "Redis, new connections",
    },
    { clients: 50, reconnect: true },
  ),
  bulkRow({ name: "bulk-1", title: "Bulk, one stream", label: "Bulk, one stream" }, 1),
  bulkRow({ name: "bulk-16", title: "Bulk, 16 streams", label: "Bulk, 16 streams" }, 16),
  pingRow({ name: "ping", title: "Ping of 64 bytes, alone", label: "Ping" }),
  pingUnderBulkRow({
    name: "ping-bulk",
    title: "Ping of 64 bytes, beside a stream of bulk",
    label: "Ping beside bulk",
  }),
  redisByWorkersRow(
    {
      name: "get-50-workers",
      title: "Redis GET, 50 clients, by workers of our own relay; x: to one",
      label: "Redis by workers",
    },
    50,
  ),
  byWorkers(
    pingUnderBulkRow({
      name: "ping-bulk-workers",
      title: "Ping of 64 bytes, beside a stream of bulk, by workers of our own relay; x: to one",
      label: "Ping beside bulk by workers",
    }),
  ),
  byObservation(
    redisRow(
      {
        name: "get-50-observed",
        title: "Redis GET, 50 clients, by how our own relay is observed; x: to not at all",
        label: "Redis, observed",
      },
      { clients: 50 },
    ),
  ),
  byObservation(
    redisRow(
      {
        name: "connect-observed",
        title: "Redis GET, a new connection each time, by how it is observed; x: to not at all",
        label: "Redis, new connections, observed",
      },
      { clients: 50, reconnect: true },
    ),
  ),
  manyRelaysRow(
    {
      name: "get-50-relays",
      title: "Redis GET, 50 clients, through one of the relays of a process; x: to one relay",
      label: "Redis by relays",
    },
    50,
  ),
  handoverRow(
    {
      name: "connect-handover",
      title: "Redis GET, 50 clients, a new connection each time, during a handover; x: to none",
      label: "New connections in a handover",
    },
    50,
  ),
  memoryRow(
    {
      name: "idle-1000",
      title: "Memory of the processes, not the kernel's, with 1,000 idle connections",
      label: "1,000 idle connections",
    },
    1000,
  ),
  memoryRow(
    {
      name: "idle-5000",
      title: "Memory of the processes, not the kernel's, with 5,000 idle connections",
      label: "5,000 idle connections",
    },
    5000,
  ),
  stalledRow(
    {
      name: "stalled-100",
      title:
        "Memory of the processes and their pipes, with 100 connections stalled both ways, then 200",
      label: "100 stalled connections",
    },
    100,
  ),
  startRow({
    name: "start",
    title: "From the start to the first answer",
    label: "Start to first answer",
  }),
];
