import { executablePath } from "../../../support/process/executable.ts";
import { PATIENCE } from "../../../support/waiting.ts";

/** What `status --watch` writes first and last to a terminal. */
export const ENTER = "\u001b[?1049h\u001b[?25l";
export const LEAVE = "\u001b[?25h\u001b[?1049l";

/** `status --watch` on a terminal of its own. */
export class Watch implements Disposable {
  output = "";
  readonly #child: Bun.Subprocess;
  #woken = Promise.withResolvers<void>();

  constructor(argv: readonly string[], columns = 80, rows = 24) {
    const decoder = new TextDecoder();
    this.#child = Bun.spawn([...argv], {
      env: { TERM: "xterm", PATH: process.env["PATH"] },
      terminal: {
        cols: columns,
        rows,
        data: (_, bytes) => {
          this.output += decoder.decode(bytes, { stream: true });
          this.#woken.resolve();
          this.#woken = Promise.withResolvers();
        },
      },
    });
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  /** Settles when what it draws from now on matches, colours aside. */
  async shows(pattern: RegExp): Promise<void> {
    const from = this.output.length;
    const late = setTimeout(() => this.#woken.reject(new Error(this.output)), PATIENCE);
    while (!pattern.test(Bun.stripANSI(this.output.slice(from)))) await this.#woken.promise;
    clearTimeout(late);
  }

  press(key: string): void {
    this.#child.terminal?.write(key);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    this.#child.terminal?.close();
  }
}

/** Starts `status --watch` on a terminal. */
export const watch = async (admin: string, ...rest: readonly string[]) =>
  new Watch([await executablePath(), "status", "--watch", ...rest, admin]);
