import type { Socket } from "bun";

/** Receives the messages of the process at the other end of a channel. */
export interface ChannelListener {
  /**
   * Receives a message as a parsed JSON value. Another version of this program may have sent it.
   */
  message(value: unknown): void;
  /**
   * Called once, when no process has the other end of the channel open any more. Never called after
   * this end was closed.
   */
  closed(): void;
}

/** Socket handlers; `data` is the channel that owns the socket. */
const HANDLERS = {
  binaryType: "uint8array",
  data: ({ data: channel }: Socket<Channel>, bytes: Uint8Array) => channel.received(bytes),
  drain: ({ data: channel }: Socket<Channel>) => channel.flush(),
  close: ({ data: channel }: Socket<Channel>) => channel.lost(),
} as const;

/**
 * The channel between two processes of a handover: a socket pair that carries one JSON value per
 * line. Several processes may have the same end of the channel open. When the last of these
 * processes has closed its end or exited, the listener at the other end gets the call `closed`. So
 * no process waits for a dead process.
 */
export class Channel implements Disposable {
  /**
   * The receiver of messages. While this field is null, received messages are kept for the next
   * listener.
   */
  #listener: ChannelListener | null = null;
  readonly #decoder = new TextDecoder();
  /** The socket of this end; null before `open` has succeeded, and after either end was closed. */
  #socket: Socket<Channel> | null = null;
  /** The received start of a message whose line is not complete yet. */
  #begun = "";
  /** Complete lines that no listener has received yet. */
  readonly #lines: string[] = [];
  /** True if the other end is closed, but no listener has got the call `closed` yet. */
  #isLost = false;
  /** The bytes of sent messages that the kernel has not accepted yet. */
  #waiting: Uint8Array = new Uint8Array(0);

  private constructor() {}

  /**
   * Opens a channel on a descriptor of a connected stream socket. The channel owns the descriptor.
   */
  static async open(fd: number): Promise<Channel> {
    const channel = new Channel();
    channel.#socket = await Bun.connect({ fd, data: channel, socket: HANDLERS });
    return channel;
  }

  /** This end's descriptor, which may be passed to a successor; -1 after either end was closed. */
  get fd(): number {
    return this.#socket?.fd ?? -1;
  }

  /**
   * Sets the receiver of messages. The receiver first gets the messages that have been kept. If
   * `listener` is null, messages are kept until the next listener is set.
   */
  listen(listener: ChannelListener | null): void {
    this.#listener = listener;
    this.#deliver();
  }

  /** Sends a message; does nothing if the other end is gone. */
  send(message: object): void {
    if (this.#socket === null) return;
    this.#waiting = Buffer.concat([this.#waiting, Buffer.from(`${JSON.stringify(message)}\n`)]);
    this.flush();
  }

  /** Closes this process's descriptor. Other processes that share this end keep it open. */
  [Symbol.dispose](): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#listener = null;
    socket?.close();
  }

  received(bytes: Uint8Array): void {
    const lines = (this.#begun + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#begun = lines.pop() ?? "";
    this.#lines.push(...lines);
    this.#deliver();
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const taken = this.#socket?.write(this.#waiting) ?? -1;
    if (taken > 0) this.#waiting = this.#waiting.subarray(taken);
  }

  lost(): void {
    if (this.#socket === null) return;
    this.#socket = null;
    this.#isLost = true;
    this.#deliver();
  }

  #deliver(): void {
    while (this.#listener !== null && this.#lines.length > 0)
      this.#listener.message(parse(this.#lines.shift() ?? ""));
    const listener = this.#listener;
    if (!this.#isLost || listener === null) return;
    this.#isLost = false;
    listener.closed();
  }
}

/**
 * Parses the line of one message. Returns undefined if the line is not JSON; the listener then
 * rejects undefined as an invalid message. No version of this program sends such a line.
 */
function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
