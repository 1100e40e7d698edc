/** The limits of an HTTP server. Times are in milliseconds. */
export interface HttpLimits {
  /** The maximum number of open connections. Further clients wait in the kernel's queue. */
  readonly connections: number;
  /** The maximum time from the accept of a client until the head of its request has arrived. */
  readonly asking: number;
  /**
   * The maximum time from the arrival of the request until the kernel has taken the whole answer.
   */
  readonly answering: number;
  /**
   * The maximum time from the arrival of the request until the client has closed the connection.
   * This limit is checked only after the kernel has taken the whole answer; until then, `answering`
   * is checked.
   */
  readonly leaving: number;
  /**
   * A shorter maximum, so that idle connections do not keep other clients out. It replaces `asking`
   * and `leaving` in three cases: all `connections` are in use, the `processorShare` is used up, or
   * the server drains.
   */
  readonly idleWhenScarce: number;
  /** The maximum length of a request's head, in bytes. */
  readonly head: number;
  /** The share of one processor that all clients together get. */
  readonly processorShare: number;
  /**
   * The maximum reserve of processor time. The reserve grows while the clients use less than
   * `processorShare`, and all clients together may use it at once.
   */
  readonly processorBurst: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connections: 32,
  asking: 5_000,
  answering: 10_000,
  leaving: 2_000,
  idleWhenScarce: 200,
  head: 8_192,
  processorShare: 0.1,
  processorBurst: 500,
};

/**
 * The maximum number of descriptors of a server: one for each connection, and three for the
 * listener (`GatedListener`). Without FFI the listener needs only one of its three descriptors, but
 * it cannot pause: it also accepts clients above the limit, and the server closes their connections
 * at once. These short connections then use the two descriptors that the listener does not need.
 */
export const HTTP_DESCRIPTORS_MOST = HTTP_LIMITS.connections + 3;
