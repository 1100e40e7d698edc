import { join } from "node:path";
import type {
  ClientOrder,
  Failure,
  FirstAnswer,
  PingAnswer,
  ServerOrder,
  SinkAnswer,
} from "./load/messages.ts";
import { own } from "./processes.ts";

/** What an order is answered with, in the end. */
type Answer<Order> = Order extends { do: "ping" }
  ? PingAnswer
  : Order extends { do: "first" }
    ? FirstAnswer
    : Order extends { do: "sink" }
      ? SinkAnswer
      : object;

/** A program of load/ that carries out one order at a time. */
class Worker {
  readonly #stdin: Bun.FileSink;
  readonly #lines: AsyncGenerator<string, undefined>;

  constructor(program: string, descriptors: readonly number[] = []) {
    const child = own(
      Bun.spawn([process.execPath, join(import.meta.dir, "load", program)], {
        stdio: ["pipe", "pipe", "inherit", ...descriptors],
      }),
    );
    this.#stdin = child.stdin;
    this.#lines = linesOf(child.stdout);
  }

  protected async say(order: ClientOrder | ServerOrder): Promise<void> {
    await this.#stdin.write(`${JSON.stringify(order)}\n`);
    await this.#stdin.flush();
  }

  protected async hear(): Promise<unknown> {
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error("a program of the load has ended");
    const answer = JSON.parse(value) as object | Failure;
    if ("failure" in answer) throw new Error(answer.failure);
    return answer;
  }
}

/** The program of the clients. */
export class Client extends Worker {
  constructor() {
    super("client.ts");
  }

  /** Carries out an order. */
  async obey<Order extends ClientOrder>(order: Order): Promise<Answer<Order>> {
    await this.say(order);
    return (await this.hear()) as Answer<Order>;
  }
}

/** The program of a destination. */
export class Server extends Worker {
  constructor(listeners: readonly [tcp: number, unix: number]) {
    super("server.ts", listeners);
  }

  /**
   * Takes connections while a load makes and ends them, and waits for both. The load is given when
   * the server has all of them.
   *
   * @throws what the load, or else the server, failed with
   */
  async serve<Order extends ServerOrder, Result>(
    order: Order,
    load: (begun: Promise<unknown>) => Promise<Result>,
  ): Promise<{ readonly served: Answer<Order>; readonly loaded: Result }> {
    await this.say(order);
    const begun = this.hear();
    const ended = begun.then(() => this.hear());
    const [loaded, served] = await Promise.allSettled([load(begun), ended]);
    if (loaded.status === "rejected") throw loaded.reason;
    if (served.status === "rejected") throw served.reason;
    return { served: served.value as Answer<Order>, loaded: loaded.value };
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let unfinished = "";
  for await (const chunk of stream) {
    const lines = (unfinished + decoder.decode(chunk, { stream: true })).split("\n");
    unfinished = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}
