import type { Socket } from "bun";

/** Receives the messages of the process at the other end of a channel. */
export interface ChannelListener {
  /**
   * Receives a message as a parsed JSON value. Another version of this program may have sent it.
   */
  message(value: unknown): void;
  /**
   * The process at the other end has ended, or has closed its end. Called once; never after
   * `close`.
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
 * The connection between two generations of the relay: a socket pair that carries one JSON value a
 * line. When the last process that has one end exits, the kernel closes that end. So the other side
 * never waits for a dead process.
 */
export class Channel implements Disposable {
  /** While null, received messages are kept for the next listener. */
  #listener: ChannelListener | null = null;
  readonly #decoder = new TextDecoder();
  /** Null until `open` has succeeded, and once this end is closed. */
  #socket: Socket<Channel> | null = null;
  /** The received part of a line that is not complete yet. */
  #begun = "";
  /** Complete lines that no listener has received yet. */
  readonly #lines: string[] = [];
  /** Whether the other end is closed and no listener knows it yet. */
  #isLost = false;
  /** Bytes to send that the kernel has not accepted yet. */
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

  /** The descriptor, which may be passed to the next generation; -1 once closed. */
  get fd(): number {
    return this.#socket?.fd ?? -1;
  }

  /**
   * Sends received messages to `listener`, first the messages that no listener has received. With
   * null, messages are kept.
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

/** Undefined if the line is not JSON: then the process at the other end is not a relay. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
