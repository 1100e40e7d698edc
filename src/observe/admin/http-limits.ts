/** The limits of all clients together. Times are in milliseconds. */
export interface HttpLimits {
  /** The maximum number of open connections. Further clients wait in the kernel's queue. */
  readonly connections: number;
  /** The time from the accept of a client to the end of the client's request. */
  readonly asking: number;
  /** The time from the end of the request until the kernel has taken the whole answer. */
  readonly answering: number;
  /**
   * The maximum time from the end of the request until the client closes the connection. It applies
   * once the kernel has taken the whole answer; until then `answering` applies.
   */
  readonly leaving: number;
  /**
   * The time for `asking` and `leaving` while connections or processor time are scarce, and during
   * a drain, so that idle connections do not keep other clients out.
   */
  readonly idleWhenScarce: number;
  /** The maximum length of a request's head, in bytes. */
  readonly head: number;
  /** The share of one processor that all clients together get. */
  readonly processorShare: number;
  /** The processor time that a burst may use at once after a quiet time. */
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
 * The maximum number of descriptors of a server: one for each connection, two for the listener (the
 * second is for pauses), and one for a connection that is accepted above the limit without FFI and
 * closed at once.
 */
export const HTTP_DESCRIPTORS_MOST = HTTP_LIMITS.connections + 3;
