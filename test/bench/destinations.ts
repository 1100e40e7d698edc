import { join } from "node:path";
import { RedisClient } from "bun";
import { printAddress } from "../../src/index.ts";
import { freePort } from "./free-port.ts";
import type { Address } from "./load/messages.ts";
import { close, listen } from "./load/system.ts";
import { own } from "./processes.ts";
import { findProgram } from "./programs.ts";
import { Client, Server } from "./worker.ts";

/** A destination in both of its forms. */
export interface Both {
  readonly tcp: Extract<Address, { kind: "tcp" }>;
  readonly unix: Extract<Address, { kind: "unix" }>;
}

/** The programs that send bytes, and those that take them. */
export interface Streams {
  readonly at: Both;
  readonly pinger: Client;
  readonly sender: Client;
  readonly echo: Server;
  readonly sink: Server;
}

/** A Redis server with one key: that which redis-benchmark reads. */
export interface Redis {
  readonly at: Both;
  /** A message, and the length of its answer. */
  readonly ping: { readonly message: string; readonly answer: number };
  /**
   * The requests that it ever had, with those by which this was asked, and who is connected now.
   */
  counts(): Promise<{ readonly requests: number; readonly connected: number }>;
}

// redis-benchmark asks for it literally where it is not told to choose at random.
const KEY = "key:__rand_int__";
const PING = { message: "PING\r\n", answer: "+PONG\r\n".length } as const;

/** Starts the programs of the streams; they end with the bench. */
export function startStreams(folder: string): Streams {
  const at = place(folder, "streams");
  const listeners = [listen(at.tcp), listen(at.unix)] as const;
  const streams = {
    at,
    pinger: new Client(),
    sender: new Client(),
    echo: new Server(listeners),
    sink: new Server(listeners),
  };
  listeners.forEach(close);
  return streams;
}

/** Starts Redis, which ends with the bench; `undefined` where it or its benchmark is missing. */
export async function startRedis(folder: string, streams: Streams): Promise<Redis | undefined> {
  const server = findProgram("redis-server");
  if (server === undefined || findProgram("redis-benchmark") === undefined) return undefined;
  const at = place(folder, "redis");
  const options = {
    bind: "127.0.0.1",
    port: at.tcp.port,
    unixsocket: at.unix.path,
    dir: folder,
    save: "",
    appendonly: "no",
    maxclients: 12_000,
    "tcp-backlog": 4096,
  };
  own(
    Bun.spawn(
      [server, ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, `${value}`])],
      {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "inherit",
      },
    ),
  );
  await streams.pinger.obey({ do: "first", to: at.tcp, ...PING });
  const client = new RedisClient(`redis://${printAddress(at.tcp)}`);
  await client.set(KEY, "xxx");
  return {
    at,
    ping: PING,
    async counts() {
      const info = String(await client.send("INFO", ["clients", "stats"]));
      const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1]);
      return { requests: field("total_commands_processed"), connected: field("connected_clients") };
    },
  };
}

function place(folder: string, name: string): Both {
  return {
    tcp: { kind: "tcp", host: "127.0.0.1", port: freePort() },
    unix: { kind: "unix", path: join(folder, `${name}.sock`) },
  };
}
