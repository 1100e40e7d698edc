import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync } from "node:fs";

// Defined in asm-generic/fcntl.h; node:fs lacks this constant.
const O_PATH = 0o10000000;

/**
 * An open handle to a file, a folder or a symbolic link. `path` always leads to this very file,
 * even after renames and replacements. The handle is a descriptor from open(2) with O_PATH |
 * O_NOFOLLOW, and `path` is the entry of /proc/self/fd for this descriptor (proc(5)). So every call
 * that takes a path works on the file itself.
 *
 * Only Linux has such descriptors. On other systems `path` is the plain name and protects against
 * nothing.
 */
export class PinnedFile implements Disposable {
  /** A path that leads to the file until this object is disposed. */
  readonly path: string;
  /** The descriptor of the file; null on systems other than Linux. */
  readonly fd: number | null;

  /** @throws the system's error if no file has that name. */
  constructor(name: string, flags = O_PATH | constants.O_NOFOLLOW) {
    this.fd = process.platform === "linux" ? openSync(name, flags) : null;
    this.path = this.fd === null ? name : `/proc/self/fd/${this.fd}`;
  }

  /** Opens a folder by name; the last part of the name may be a symbolic link. */
  static folder(name: string): PinnedFile {
    return new PinnedFile(`${name}/.`);
  }

  /** The path of an entry of this folder, even after the folder was moved (like openat(2)). */
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
