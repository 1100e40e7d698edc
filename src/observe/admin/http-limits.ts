/** The most that all clients together may use. Times are in milliseconds. */
export interface HttpLimits {
  /** Open connections. Further clients wait in the kernel's queue. */
  readonly connections: number;
  /** From accepting a client to the end of its request. */
  readonly asking: number;
  /** From the end of the request until the kernel has taken the answer. */
  readonly answering: number;
  /** From the end of the request until the client has closed, if the kernel has taken the answer. */
  readonly leaving: number;
  /** How long a connection may be idle while others wait: it must not keep them out. */
  readonly idleWhenScarce: number;
  /** Bytes of a request's head. */
  readonly head: number;
  /** The share of one processor that all clients together get. */
  readonly processorShare: number;
  /** How much work may be done at once, if there was little before. */
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
 * Descriptors that a server needs at most: its connections, its listener twice (to pause it), and
 * one connection that is accepted without FFI only to be closed.
 */
export const HTTP_DESCRIPTORS_MOST = HTTP_LIMITS.connections + 3;
