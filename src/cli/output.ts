/**
 * Writes all of a text to standard output (1) or standard error (2).
 *
 * @returns 0, or 1 where it could not be written, as exit statuses
 */
export function writeAll(fd: 1 | 2, text: string): Promise<0 | 1> {
  const stream = fd === 1 ? process.stdout : process.stderr;
  const { promise, resolve } = Promise.withResolvers<0 | 1>();
  // A closed pipe's error comes here as well as to the callback; without a listener it ends the
  // process.
  stream.once("error", () => resolve(1));
  stream.write(text, (error) => resolve(error ? 1 : 0));
  return promise;
}
