import { writeSync } from "node:fs";
import type { Failure } from "./messages.ts";

/**
 * Carries out orders, a line of JSON each on standard input, and writes each answer as a line to
 * standard output. Blocks while it does, and ends when its input does.
 */
export async function obey<Order>(carryOut: (order: Order) => object): Promise<void> {
  for await (const line of console) {
    // Written by worker.ts, which takes orders of this type only.
    const order = JSON.parse(line) as Order;
    try {
      say(carryOut(order));
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      say({ failure } satisfies Failure);
    }
  }
}

/** Writes a line to standard output, at once. */
export function say(answer: object): void {
  writeSync(1, `${JSON.stringify(answer)}\n`);
}
