import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

import { NAME_LOOKUP_WORDS } from "./name-lookup-errors.ts";

export const {
  EADDRNOTAVAIL,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EEXIST,
  EINPROGRESS,
  ELOOP,
  EINVAL,
  EMFILE,
  ENFILE,
  ENODATA,
  ENOENT,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  ETIMEDOUT,
  EPROTOTYPE,
} = constants.errno;

let names: ReadonlyMap<number, string> | undefined;

/** The name of an errno, such as `ECONNREFUSED`, from the positive or the negative number. */
export function errnoCode(errno: number): string {
  const number = Math.abs(errno);
  const known = getSystemErrorMap().get(-number)?.[0];
  if (known !== undefined) return known;
  names ??= new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));
  return names.get(number) ?? `errno ${number}`;
}

// Descriptions of the error codes that Bun's `getSystemErrorMap` lacks or describes vaguely. For
// the kernel's codes these are the texts that strerror(3) gives.
const WORDS: Readonly<Record<string, string>> = {
  ...NAME_LOOKUP_WORDS,
  EBADMSG: "bad message",
  ECHILD: "no child processes",
  EDEADLK: "resource deadlock avoided",
  EDOM: "numerical argument out of domain",
  EDQUOT: "disk quota exceeded",
  EIDRM: "identifier removed",
  EINPROGRESS: "operation now in progress",
  EMULTIHOP: "multihop attempted",
  ENETRESET: "network dropped connection on reset",
  ENOLCK: "no locks available",
  ENOLINK: "link has been severed",
  ENOMSG: "no message of desired type",
  ENOSR: "out of streams resources",
  ENOSTR: "device not a stream",
  EOPNOTSUPP: "operation not supported",
  ESTALE: "stale file handle",
  ETIME: "timer expired",
  EWOULDBLOCK: "resource temporarily unavailable",
};

let words: ReadonlyMap<string, string> | undefined;

/**
 * Describes a code: `connection refused` for `ECONNREFUSED`. An unknown code stays as it is; an
 * unknown number (`errno 999`) becomes `unknown error`.
 */
export function errnoWords(code: string): string {
  words ??= new Map(getSystemErrorMap().values());
  return WORDS[code] ?? words.get(code) ?? (code.startsWith("errno ") ? "unknown error" : code);
}

/**
 * The `code` of an error that Bun threw, such as `ENOENT`; the error's message if the error has no
 * code.
 */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

/**
 * The failure of a system call that the relay made itself. `code` is the name of the errno, such as
 * `EADDRINUSE`.
 */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";

  constructor(readonly code: string) {
    super(code);
  }
}

/**
 * Returns the result of a `Libc` call, or throws if the call failed.
 *
 * @throws {SystemCallError} if the result is a negative errno.
 */
export function checked(result: number): number {
  if (result < 0) throw new SystemCallError(errnoCode(result));
  return result;
}
