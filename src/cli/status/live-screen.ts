import type { WriteStream } from "node:tty";

// xterm's control sequences (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html): the screen
// beside the one with the shell's history, and the cursor's visibility.
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

const CTRL_C = "\u0003";
const ESCAPE = "\u001b";

/** A terminal's other screen, drawn in place; disposing of it brings back what was there before. */
export class LiveScreen implements Disposable {
  readonly #out: WriteStream;
  readonly #key: (key: string) => void;
  readonly #quit: () => void;
  readonly #isRaw: boolean;

  /** `quit` is called when somebody presses q, Escape or Ctrl-C, `key` for every other key. */
  constructor(out: WriteStream, quit: () => void, key: (key: string) => void) {
    this.#out = out;
    this.#quit = quit;
    this.#key = key;
    // Without it a key would be echoed into the picture, and come only after Enter.
    this.#isRaw = process.stdin.isTTY;
    if (this.#isRaw) process.stdin.setRawMode(true).on("data", this.#pressed).resume();
    out.write(ENTER);
  }

  [Symbol.dispose](): void {
    if (this.#isRaw) process.stdin.off("data", this.#pressed).pause().setRawMode(false);
    this.#out.write(LEAVE);
  }

  /** Shows lines, each of which fits. */
  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, this.#out.rows).map((line) => `${line}${CLEAR_LINE}`);
    this.#out.write(`${HOME}${shown.join("\r\n")}${CLEAR_BELOW}`);
  }

  readonly #pressed = (bytes: Buffer): void => {
    const key = bytes.toString();
    if (key === "q" || key === CTRL_C || key === ESCAPE) this.#quit();
    else this.#key(key);
  };
}
