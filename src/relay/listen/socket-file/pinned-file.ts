import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync } from "node:fs";

// asm-generic/fcntl.h; node:fs does not have it.
const O_PATH = 0o10000000;

/**
 * A file, a folder or a symbolic link, held so that `path` leads to it and to no other, whoever
 * renames or replaces what: a descriptor of open(2) with O_PATH | O_NOFOLLOW, and its link in
 * /proc/self/fd (proc(5)), by which every call that takes a path works on the file itself.
 *
 * Only Linux has that. Elsewhere `path` is the name, and holds nothing.
 */
export class PinnedFile implements Disposable {
  /** Leads to the file until it is disposed. */
  readonly path: string;
  /** Null on another system than Linux. */
  readonly fd: number | null;

  /** @throws the system's error where nothing has that name. */
  constructor(name: string, flags = O_PATH | constants.O_NOFOLLOW) {
    this.fd = process.platform === "linux" ? openSync(name, flags) : null;
    this.path = this.fd === null ? name : `/proc/self/fd/${this.fd}`;
  }

  /** A folder by its name, the last part of which may be a symbolic link. */
  static folder(name: string): PinnedFile {
    return new PinnedFile(`${name}/.`);
  }

  /** The path of a folder's entry: the entry of this folder, wherever that has gone (openat(2)). */
  entry(name: string): string {
    return `${this.path}/${name}`;
  }

  stats(): BigIntStats {
    if (this.fd === null) return lstatSync(this.path, { bigint: true });
    return fstatSync(this.fd, { bigint: true });
  }

  [Symbol.dispose](): void {
    if (this.fd !== null) closeSync(this.fd);
  }
}
