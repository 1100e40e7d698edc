import type { Connection } from "./connection.ts";

/**
 * Makes both directions of a connection read only as many bytes as their receivers take. Call this
 * while all connections together hold too many bytes.
 */
export function readSparingly({ up, down }: Connection): void {
  up.memoryFull();
  down.memoryFull();
}
