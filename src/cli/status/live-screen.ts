import type { WriteStream } from "node:tty";
import { terminalSize } from "./terminal-size.ts";

// Control sequences of xterm (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html). ENTER
// switches to the alternate screen and hides the cursor. LEAVE shows the cursor and switches back
// to the normal screen.
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

const CTRL_C = "\u0003";
const ESCAPE = "\u001b";

/**
 * The terminal's alternate screen, on which each picture replaces the previous picture. `dispose`
 * brings back the normal screen.
 */
export class LiveScreen implements Disposable {
  readonly #out: WriteStream;
  readonly #key: (key: string) => void;
  readonly #quit: () => void;
  readonly #isRaw: boolean;

  /** Calls `quit` when the user presses q, Escape or Ctrl-C, and `key` for every other key. */
  constructor(out: WriteStream, quit: () => void, key: (key: string) => void) {
    this.#out = out;
    this.#quit = quit;
    this.#key = key;
    // Switch raw mode on. Without raw mode the terminal echoes keys into the picture, and delivers
    // them only after Enter.
    this.#isRaw = process.stdin.isTTY;
    if (this.#isRaw) process.stdin.setRawMode(true).on("data", this.#pressed).resume();
    out.write(ENTER);
  }

  [Symbol.dispose](): void {
    if (this.#isRaw) process.stdin.off("data", this.#pressed).pause().setRawMode(false);
    this.#out.write(LEAVE);
  }

  /** Draws lines. The caller has cut each line to the terminal's width. */
  draw(lines: readonly string[]): void {
    const shown = lines
      .slice(0, terminalSize(this.#out).rows)
      .map((line) => `${line}${CLEAR_LINE}`);
    this.#out.write(`${HOME}${shown.join("\r\n")}${CLEAR_BELOW}`);
  }

  readonly #pressed = (bytes: Buffer): void => {
    const key = bytes.toString();
    if (key === "q" || key === CTRL_C || key === ESCAPE) this.#quit();
    else this.#key(key);
  };
}
