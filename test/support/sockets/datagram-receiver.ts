import { AF_UNIX, must, SOCK_DGRAM, system } from "../process/system-calls.ts";
import { encodeName } from "./socket-name.ts";

/** A datagram socket with a path, whose queue the test fills and empties: a service manager's. */
export class DatagramReceiver implements Disposable {
  readonly #fd: number;
  readonly #name: Uint8Array;

  constructor(readonly path: string) {
    this.#name = encodeName({ kind: "unix", path });
    this.#fd = must("socket", system.socket(AF_UNIX, SOCK_DGRAM));
    must("bind", system.bind(this.#fd, this.#name));
  }

  /** Sends messages until the queue takes no more; gives their number. */
  fill(): number {
    const fd = must("socket", system.socket(AF_UNIX, SOCK_DGRAM));
    must("connect", system.connect(fd, this.#name));
    let sent = 0;
    while (system.send(fd, Buffer.from("filler")) > 0) sent += 1;
    system.close(fd);
    return sent;
  }

  /** All messages that are in the queue now. */
  receive(): string[] {
    const messages: string[] = [];
    for (;;) {
      const message = this.receiveOne();
      if (message === null) return messages;
      messages.push(message);
    }
  }

  /** The first message that is in the queue; null if there is none. */
  receiveOne(): string | null {
    const bytes = new Uint8Array(4096);
    const length = system.receive(this.#fd, bytes);
    return length < 0 ? null : new TextDecoder().decode(bytes.subarray(0, length));
  }

  [Symbol.dispose](): void {
    system.close(this.#fd);
  }
}
