import { quote } from "../address/quote.ts";
import type { Position } from "./toml-tree.ts";

/** One thing that is wrong in a configuration file. */
export interface Mistake {
  /** Null if it is in no place: a file that cannot be read. */
  readonly at: Position | null;
  /** The path of the key, as TOML writes it: `relay.web.mode`. Empty if it is no key's. */
  readonly key: string;
  readonly message: string;
}

/** A configuration file that makes no sense, with all that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(
    readonly file: string,
    readonly mistakes: readonly Mistake[],
  ) {
    super(mistakes.map((mistake) => printMistake(file, mistake)).join("\n"));
  }
}

/** The mistakes of one file, as they are found. */
export class Mistakes {
  readonly #found: Mistake[] = [];

  add(at: Position, path: readonly string[], message: string): void {
    this.#found.push({ at, key: path.map(printKey).join("."), message });
  }

  /** All of them, in the order of their places. */
  get all(): readonly Mistake[] {
    return this.#found.toSorted(({ at: one }, { at: other }) => {
      if (one === null || other === null) return 0;
      return one.line - other.line || one.column - other.column;
    });
  }
}

/** One line, as compilers write it, so that an editor finds the place: `FILE:3:8: KEY: what`. */
function printMistake(file: string, { at, key, message }: Mistake): string {
  const place = at === null ? [file] : [file, at.line, at.column];
  return `${place.join(":")}: ${key === "" ? "" : `${key}: `}${message}`;
}

function printKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : quote(key);
}
