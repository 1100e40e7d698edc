import type { Socket } from "bun";

/** Hears what the process at the other end of a channel says. */
export interface ChannelListener {
  /** A message came: a parsed JSON value. Another version of this program may have written it. */
  message(value: unknown): void;
  /** The process at the other end is gone, or has closed its end. Called once; never after `close`. */
  closed(): void;
}

/** Callbacks of the one socket that belongs to `data`. */
const HANDLERS = {
  binaryType: "uint8array",
  data: ({ data: channel }: Socket<Channel>, bytes: Uint8Array) => channel.received(bytes),
  drain: ({ data: channel }: Socket<Channel>) => channel.flush(),
  close: ({ data: channel }: Socket<Channel>) => channel.lost(),
} as const;

/**
 * What two generations of the relay talk through: a socket pair, one JSON value a line. The kernel
 * closes it with the last process that has its other end, so that neither waits for a dead one.
 */
export class Channel implements Disposable {
  /** While it is null, what comes is kept for the next one. */
  #listener: ChannelListener | null = null;
  readonly #decoder = new TextDecoder();
  /** Null before `open` has ended, and once this end is closed. */
  #socket: Socket<Channel> | null = null;
  /** The beginning of a line whose end has not come. */
  #begun = "";
  /** Lines that nobody has heard. */
  readonly #lines: string[] = [];
  /** Whether the other end is gone, and the listener was not told. */
  #isLost = false;
  /** What the kernel has not taken yet. */
  #waiting: Uint8Array = new Uint8Array(0);

  private constructor() {}

  /** Adopts a descriptor of a connected stream socket, which is the channel's from then on. */
  static async open(fd: number): Promise<Channel> {
    const channel = new Channel();
    channel.#socket = await Bun.connect({ fd, data: channel, socket: HANDLERS });
    return channel;
  }

  /** The descriptor, to be handed on to the next generation; -1 once closed. */
  get fd(): number {
    return this.#socket?.fd ?? -1;
  }

  /** From now on `listener` hears what comes, also what nobody has heard; null keeps it. */
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

  /** Closes this end, and only this process' descriptor of it: nobody else's is shut down. */
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

/** Undefined of a line that is no JSON: then no relay is at the other end. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
