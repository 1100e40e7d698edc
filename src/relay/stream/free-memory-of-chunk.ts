/**
 * The minimum size, in bytes, of a chunk that is freed. To free a smaller chunk costs more than it
 * saves.
 */
const FREED_LEAST = 16 * 1024;

/**
 * Frees the memory of a large chunk at once. Otherwise the memory stays in use until the garbage
 * collector runs, and until then a few connections can read many MiB. The next chunk gets the freed
 * memory, which the processor still has in its cache. The given chunk is empty afterwards.
 *
 * Call this only for a chunk that nothing else uses, such as a chunk from one of Bun's reads. This
 * function does nothing with a chunk that is only a part of its buffer, because other code may use
 * the rest of the buffer.
 */
export function freeChunk(chunk: Uint8Array): void {
  // Check the size first: the engine makes the object `buffer` only when this property is read.
  if (chunk.byteLength < FREED_LEAST) return;
  const { buffer } = chunk;
  if (chunk.byteLength !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
