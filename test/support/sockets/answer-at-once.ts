import { Payload } from "./payload.ts";

/** What the server's thread is told. */
export interface Task {
  readonly listener: number;
  readonly rounds: number;
  readonly sizes: readonly number[];
  readonly finish: "close" | "reset";
}

/** A server in a thread of its own; `done` settles when all its rounds are served. */
export interface AnsweringServer extends AsyncDisposable {
  readonly done: Promise<void>;
}

/** The answer of a size; one size's is not the beginning of another's. */
export function answerOf(size: number): Payload {
  return new Payload(size, size);
}

/**
 * Serves `rounds` clients of a listening descriptor, one after the other: accepts, answers and
 * closes (or resets) without anything between, faster than an event loop that connects to it can
 * turn. The answers have the sizes in turn.
 */
export function answerAtOnce(
  listener: number,
  rounds: number,
  sizes: readonly number[],
  finish: "close" | "reset" = "close",
): AnsweringServer {
  const worker = new Worker(new URL("answer-at-once-worker.ts", import.meta.url));
  const done = new Promise<void>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<string>) => {
      if (data === "") resolve();
      else reject(new Error(data));
    };
    worker.onerror = ({ message }) => reject(new Error(message));
  });
  const task: Task = { listener, rounds, sizes, finish };
  worker.postMessage(task);
  return {
    done,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
