import { must, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, system } from "../process/system-calls.ts";
import { forget } from "../waiting.ts";

/** The kernel's buffers of a socket, in bytes; the kernel doubles both (socket(7)). */
export interface Buffers {
  readonly send?: number;
  readonly receive?: number;
}

const owned = new Set<number>();

/** The descriptors that raw sockets hold in this process. */
export const rawDescriptors: ReadonlySet<number> = owned;

/** A socket that closes its descriptor once, unless somebody else got it. */
export abstract class RawDescriptor implements Disposable {
  #open = true;

  protected constructor(
    readonly fd: number,
    /** What the socket is called in messages. */
    readonly label: string,
  ) {
    owned.add(fd);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** close(2). The kernel sends FIN, or a reset where bytes are unread. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    owned.delete(this.fd);
    must("close", system.close(this.fd));
    forget(this.fd);
  }

  /** Gives the descriptor to somebody else, who closes it. */
  handOver(): number {
    this.#open = false;
    owned.delete(this.fd);
    return this.fd;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  protected set(level: number, option: number, ...value: number[]): void {
    must("setsockopt", system.setOption(this.fd, level, option, Int32Array.from(value)));
  }

  protected setBuffers({ send, receive }: Buffers): void {
    if (send !== undefined) this.set(SOL_SOCKET, SO_SNDBUF, send);
    if (receive !== undefined) this.set(SOL_SOCKET, SO_RCVBUF, receive);
  }
}
