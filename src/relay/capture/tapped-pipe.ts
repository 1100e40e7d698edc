import type { FailedSocketBytes } from "../stream/unread-bytes-of-failed-socket.ts";
import { Pipe, type PipeMeans } from "../stream/pipe.ts";
import type { Side } from "../stream/side.ts";
import type { TcpConversation } from "./tcp-conversation.ts";

/**
 * A pipe that reports all bytes that it reads to a conversation. It never uses the bulk reader
 * (`BulkReader`), because the bulk reader reads a socket by its own system calls, and this class
 * would not see these bytes.
 */
export class TappedPipe extends Pipe {
  readonly conversation: TcpConversation;
  readonly #fromClient: boolean;
  /**
   * The bytes that the kernel still had from the sender when the sender's socket failed. Null
   * before the failure, and if there were no such bytes.
   */
  #remains: FailedSocketBytes | null = null;
  /**
   * The end of the sender (FIN or RST) that must still be reported to the conversation. Non-null
   * only while `#remains` has unread bytes, because these bytes must be reported first.
   */
  #end: "ended" | "reset" | null = null;

  constructor(
    from: Side,
    to: Side,
    { memory }: PipeMeans,
    conversation: TcpConversation,
    fromClient: boolean,
  ) {
    super(from, to, { bulk: null, memory });
    this.conversation = conversation;
    this.#fromClient = fromClient;
  }

  override receive(chunk: Uint8Array): void {
    this.conversation.sent(this.#fromClient, chunk);
    super.receive(chunk);
  }

  override end(): void {
    if (this.state === "flowing") this.#conclude("ended");
    super.end();
  }

  override abort(): void {
    if (this.state === "flowing") this.#conclude("reset");
    super.abort();
  }

  override inherit(remains: FailedSocketBytes): void {
    this.#remains = remains;
    remains.onRead = (bytes) => this.#read(bytes);
    super.inherit(remains);
  }

  override break(): void {
    // The remaining bytes are dropped, so the conversation ends with a reset.
    if (this.#end !== null) this.conversation.reset(this.#fromClient);
    this.#end = null;
    super.break();
  }

  #read(bytes: Uint8Array): void {
    this.conversation.sent(this.#fromClient, bytes);
    if (this.#end !== null && this.#remains?.bytes === 0) this.#tell(this.#end);
  }

  #conclude(end: "ended" | "reset"): void {
    if (this.#remains !== null && this.#remains.bytes > 0) this.#end = end;
    else this.#tell(end);
  }

  #tell(end: "ended" | "reset"): void {
    this.#end = null;
    this.conversation[end](this.#fromClient);
  }
}
