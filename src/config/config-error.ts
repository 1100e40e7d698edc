import { quote } from "../address/quote-word.ts";
import type { Position } from "./toml-tree.ts";

/** One mistake in a configuration file. */
export interface Mistake {
  /**
   * The place of the mistake in the file; null if the mistake has no place, for example if the file
   * cannot be read.
   */
  readonly at: Position | null;
  /** The path of the key in TOML's form: `relay.web.mode`. Empty if the mistake concerns no key. */
  readonly key: string;
  readonly message: string;
}

/** The error about a configuration file that is not valid, with the mistakes of the file. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(
    readonly file: string,
    readonly mistakes: readonly Mistake[],
  ) {
    super(mistakes.map((mistake) => printMistake(file, mistake)).join("\n"));
  }
}

/** Collects the mistakes of one file. */
export class Mistakes {
  readonly #found: Mistake[] = [];

  add(at: Position, path: readonly string[], message: string): void {
    this.#found.push({ at, key: keyOf(path), message });
  }

  /** Whether a mistake about a key was added. */
  has(path: readonly string[]): boolean {
    const key = keyOf(path);
    return this.#found.some((mistake) => mistake.key === key);
  }

  /** All mistakes, in the order of their places in the file. */
  get all(): readonly Mistake[] {
    return this.#found.toSorted(({ at: one }, { at: other }) => {
      if (one === null || other === null) return 0;
      return one.line - other.line || one.column - other.column;
    });
  }
}

/**
 * The line for one mistake. The line has the format of compiler messages, so that an editor finds
 * the place: `FILE:3:8: KEY: MESSAGE`.
 */
function printMistake(file: string, { at, key, message }: Mistake): string {
  const place = at === null ? [file] : [file, at.line, at.column];
  return `${place.join(":")}: ${key === "" ? "" : `${key}: `}${message}`;
}

function keyOf(path: readonly string[]): string {
  return path.map(printKey).join(".");
}

function printKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : quote(key);
}
