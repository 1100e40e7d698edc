import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

export const {
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EEXIST,
  EINPROGRESS,
  EINVAL,
  EMFILE,
  ENFILE,
  ENOENT,
  ENOSYS,
  EPERM,
  EPIPE,
  EPROTOTYPE,
} = constants.errno;

/** The name of an errno, as `ECONNREFUSED`, from the positive or the negative number. */
export function errnoCode(errno: number): string {
  return getSystemErrorMap().get(-Math.abs(errno))?.[0] ?? `errno ${Math.abs(errno)}`;
}

let words: ReadonlyMap<string, string> | undefined;

/** The system's words for an errno's name: `connection refused` for `ECONNREFUSED`. */
export function errnoWords(code: string): string {
  words ??= new Map(getSystemErrorMap().values());
  return words.get(code) ?? code;
}

/** The code that an error of the runtime carries, or its message where it carries none. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

/** A system call of ours that failed; `code` is the errno's name, as `EADDRINUSE`. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";

  constructor(readonly code: string) {
    super(code);
  }
}

/**
 * The result of a system call of `Libc`.
 *
 * @throws {SystemCallError} if the result is a negative errno.
 */
export function checked(result: number): number {
  if (result < 0) throw new SystemCallError(errnoCode(result));
  return result;
}
