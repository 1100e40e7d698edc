import type { SocketEndpoint } from "../../../src/index.ts";

/** Where something of the bench listens: a path, or a port of 127.0.0.1. */
export type Address = Exclude<SocketEndpoint, { readonly kind: "abstract" }>;

/** What the program of the clients can be told to do; it answers each with one `ClientAnswer`. */
export type ClientOrder =
  /** Sends `size` bytes and waits for as many, one after the other. */
  | {
      readonly do: "ping";
      readonly to: Address;
      readonly size: number;
      readonly seconds: number;
    }
  /** Sends as much as it can over so many connections. */
  | {
      readonly do: "bulk";
      readonly to: Address;
      readonly streams: number;
      readonly seconds: number;
    }
  /** Opens connections until it has so many, and keeps them until `release`. */
  | { readonly do: "hold"; readonly to: Address; readonly connections: number }
  /** As `hold`, and sends on each connection until it takes no more. Reads nothing. */
  | { readonly do: "stall"; readonly to: Address; readonly connections: number }
  | { readonly do: "release" }
  /** Connects again and again until it can, then sends `message` and waits for `answer` bytes. */
  | {
      readonly do: "first";
      readonly to: Address;
      readonly message: string;
      readonly answer: number;
    };

/** Latencies in nanoseconds. */
export interface PingAnswer {
  readonly pings: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

/** When the first answer was there, in nanoseconds of the machine's clock. */
export interface FirstAnswer {
  readonly at: number;
}

/**
 * What the programs of the destinations can be told to do, with connections to the endpoint named.
 * Each answers `Begun` when it has them, and at their end `{}` or, after `sink`, `SinkAnswer`.
 */
export type ServerOrder =
  /** Sends back whatever comes, to one connection. */
  | { readonly do: "echo"; readonly on: Address["kind"] }
  /** Reads whatever comes from so many connections. */
  | { readonly do: "sink"; readonly on: Address["kind"]; readonly streams: number }
  /** Keeps so many connections until the last of them ends. */
  | { readonly do: "hold"; readonly on: Address["kind"]; readonly connections: number }
  /**
   * As `hold`, and sends on each connection until it takes no more, before `Begun`. Reads nothing.
   */
  | { readonly do: "stall"; readonly on: Address["kind"]; readonly connections: number };

export interface Begun {
  readonly begun: true;
}

/** Bytes that arrived, and the seconds from the first to the end of the last stream. */
export interface SinkAnswer {
  readonly bytes: number;
  readonly seconds: number;
}

/** Instead of an answer. */
export interface Failure {
  readonly failure: string;
}
