/**
 * Divides a limit among several workers, and returns the part of one worker. The parts differ by 1
 * at most, and their sum is exactly the limit.
 *
 * @param limit - a limit of open connections
 * @param parts - the number of parts
 * @param index - the index of the part, from 0
 */
export function evenPart(limit: number, parts: number, index: number): number {
  return Math.floor(limit / parts) + (index < limit % parts ? 1 : 0);
}
