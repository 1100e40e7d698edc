import type { Endpoint } from "../address.ts";
import type { Observer } from "./observer.ts";

/** What `createRelay` takes. Times are in milliseconds. */
export interface RelayOptions {
  /** Where clients connect: an address as a person writes it, or a parsed one. */
  readonly source: string | Endpoint;
  /** Where each connection is carried to. */
  readonly destination: string | Endpoint;
  /** Permissions of a Unix source's file, as `0o660`. Default: what the umask leaves. */
  readonly mode?: number;
  /** User id that owns a Unix source's file. Default: this process's. */
  readonly owner?: number;
  /** Group id of a Unix source's file. Default: this process's. */
  readonly group?: number;
  /** How long reaching the destination may take. Default 5,000. */
  readonly connectTimeout?: number;
  /** Idle time before TCP keepalive probes; 0 sends none. Default 60,000. */
  readonly keepalive?: number;
  /** How long `stop()` waits for open connections. Default 10,000. */
  readonly drainTimeout?: number;
  /** Sees what happens. */
  readonly observer?: Partial<Observer>;
}

/** The values of options that were not given; times in milliseconds. */
export const DEFAULTS = {
  connectTimeout: 5_000,
  keepalive: 60_000,
  drainTimeout: 10_000,
} as const;
