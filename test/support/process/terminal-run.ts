import { executablePath } from "./executable.ts";

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";

/** A run whose three standard streams are one terminal. */
export class TerminalRun {
  output = "";
  readonly #child: Bun.Subprocess;
  #woken = Promise.withResolvers<void>();

  constructor(argv: readonly string[], env: Record<string, string>, cwd: string) {
    const decoder = new TextDecoder();
    this.#child = Bun.spawn([...argv], {
      env: { PATH, ...env },
      cwd,
      terminal: {
        data: (_, bytes) => {
          this.output += decoder.decode(bytes, { stream: true });
          this.#woken.resolve();
          this.#woken = Promise.withResolvers();
        },
      },
    });
  }

  /** Settles as soon as what it has written matches, colours aside. */
  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(Bun.stripANSI(this.output))) await this.#woken.promise;
  }

  stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    return this.#child.exited;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    this.#child.terminal?.close();
  }
}

/** The executable on a terminal, in a working folder. */
export async function onTerminal(
  folder: string,
  args: readonly string[],
  env: Record<string, string> = { TERM: "xterm" },
): Promise<TerminalRun> {
  return new TerminalRun([await executablePath(), ...args], env, folder);
}
