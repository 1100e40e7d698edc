import { callsOf } from "./libc-calls.ts";
import type { Libc } from "./libc-interface.ts";
import { openLibc } from "./libc-symbols.ts";

export type { Libc } from "./libc-interface.ts";

/** The libc of this process, or the reason why it is unavailable. */
export type LibcOrReason =
  { readonly libc: Libc } | { readonly libc: null; readonly reason: string };

// The file names of the C library, tried in this order: of glibc, then of musl. The file name of
// musl contains the architecture.
export const LIBRARY_NAMES = [
  "libc.so.6",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

function load(): LibcOrReason {
  if (process.platform !== "linux")
    return { libc: null, reason: `only Linux is supported, this is ${process.platform}` };
  const reasons: string[] = [];
  for (const library of LIBRARY_NAMES) {
    try {
      return { libc: callsOf(openLibc(library)) };
    } catch (error) {
      reasons.push(explain(error instanceof Error ? error.message : String(error)));
    }
  }
  return { libc: null, reason: reasons[0] ?? "no C library" };
}

function explain(reason: string): string {
  return /\bJIT\b/.test(reason) ? `${reason}: remove MemoryDenyWriteExecute=yes` : reason;
}

/** The result of the one attempt to load the libc, when this module is first imported. */
export const loaded: LibcOrReason = load();

/** The libc of this process, or null if it is unavailable (`loaded` has the reason). */
export const libc: Libc | null = loaded.libc;
