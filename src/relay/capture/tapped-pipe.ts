import type { FailedSocketBytes } from "../stream/failed-socket-bytes.ts";
import { Pipe, type PipeMeans } from "../stream/pipe.ts";
import type { Side } from "../stream/side.ts";
import type { Conversation } from "./conversation.ts";

/** A pipe that tells a conversation of all that it reads. The runtime does all its reads. */
export class TappedPipe extends Pipe {
  readonly conversation: Conversation;
  readonly #fromClient: boolean;
  /** Bytes of a failed sender that are still to be read. */
  #remains: FailedSocketBytes | null = null;
  /** How the sender ended, while `#remains` has bytes: they come first. */
  #end: "ended" | "reset" | null = null;

  constructor(
    from: Side,
    to: Side,
    { memory }: PipeMeans,
    conversation: Conversation,
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
    // The bytes that remain are dropped.
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
