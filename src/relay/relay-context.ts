import type { ThreadCapture } from "./capture/capture.ts";
import type { ClientCounts } from "./client-counts.ts";
import type { HeldMemory } from "./held-memory.ts";
import type { SharedLimit } from "./shared-limit.ts";

/** What a relay shares with others: relays of its thread or process, and the relay before it. */
export interface RelayContext {
  /** Counts the connections of each client. Default: only those of this relay's thread. */
  readonly counts?: ClientCounts | undefined;
  /** A limit that several relays of one thread have together; null or absent: none. */
  readonly limit?: SharedLimit | null | undefined;
  /** Counts the bytes that connections hold. Default: those of this relay, without a bound. */
  readonly memory?: HeldMemory | undefined;
  /** The last id that the relay before it may have given to a connection. Default: 0. */
  readonly lastId?: number | undefined;
  /** Where to capture connections for a file of another thread. Default: into the own file, if any. */
  readonly capture?: ThreadCapture | undefined;
}
