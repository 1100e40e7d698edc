/**
 * The size, in bytes, from which it is worth freeing a chunk. Below this size the call costs more than
 * it saves.
 */
const FREED_LEAST = 16 * 1024;

/**
 * Frees the memory of a large chunk now. Otherwise the memory stays in use until the garbage collector
 * runs. Until then a few connections can read many MiB. The next chunk gets the freed memory, which the
 * processor still has in its cache. The chunk is empty afterwards.
 *
 * Call this only for a chunk that nothing else uses, such as a chunk from one of Bun's reads. A chunk
 * that is only a part of its buffer is left alone, because something else may use the rest.
 */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < FREED_LEAST || byteLength !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
