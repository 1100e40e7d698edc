import type { ThreadCapture } from "./capture/capture-of-one-thread.ts";
import type { HandedCaptures } from "./capture/open-and-lock-capture-file.ts";
import type { ClientCounts } from "./admission/client-counts.ts";
import type { PlacedFile } from "./kinds-of-source.ts";
import type { HeldMemory } from "./limits/held-memory-limit.ts";
import type { SharedConnectionLimit } from "./limits/shared-connection-limit.ts";

/** Facts about the old process of a handover, which a relay of the new process needs. */
export interface Succession {
  /**
   * Whether the relay accepts nobody before `HandoverRelay.accept` is called. True for every relay
   * of the new process, also on a source that this process bound itself: a new process that cannot
   * take over ends, and would cut the clients that it had accepted. Default: false.
   */
  readonly awaitsAccept?: boolean | undefined;
  /**
   * The highest connection id that the old relay, which hands over its source, can still give to a
   * connection. Default: 0.
   */
  readonly lastId?: number | undefined;
  /**
   * The captures of the old process; empty lists if it captured nothing. If this property is set,
   * even to empty lists, the relay makes its capture file only when `HandoverRelay.takeCapturePath`
   * is called. Default: not set, because this process took over from no other process.
   */
  readonly captures?: HandedCaptures | undefined;
}

/** What a process gives to each relay that it starts, besides the relay's options. */
export interface RelayStart extends Succession {
  /**
   * Called as soon as the relay has placed the file of its Unix source, long before the relay has
   * started if its workers take long to start. Not called for a file that was handed over.
   */
  readonly placed?: ((file: PlacedFile) => void) | undefined;
}

/**
 * The things that a relay shares with other relays of its thread or process, or gets from the relay
 * whose source it takes over.
 */
export interface RelayContext extends RelayStart {
  /**
   * Whether a worker thread runs this relay as its share of a relay that has several threads. If
   * so, the main thread checks the destination's network namespace and watches the source. Default:
   * false.
   */
  readonly isShare?: boolean | undefined;
  /** The number of threads of this process that relay. Default: 1. */
  readonly threads?: number | undefined;
  /**
   * Counts the connections of each client. Default: counts only the connections of this relay's
   * thread.
   */
  readonly counts?: ClientCounts | undefined;
  /**
   * The limit of open connections that several relays of one thread share; null or absent if there
   * is no such limit.
   */
  readonly limit?: SharedConnectionLimit | null | undefined;
  /**
   * Counts the bytes that connections hold. Default: counts only the bytes of this relay, without a
   * limit.
   */
  readonly memory?: HeldMemory | undefined;
  /**
   * Receives the captured packets of this relay, if another thread writes the capture file.
   * Default: this relay writes its own file if the option `capture` is set.
   */
  readonly capture?: ThreadCapture | undefined;
}
