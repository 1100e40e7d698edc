const PROMPT = "READY> ";

/** A shell at a terminal, into which a test types. */
export class InteractiveShell implements AsyncDisposable {
  /** What the terminal has shown since the last `type`, without colours. */
  #shown = "";
  #woken = Promise.withResolvers<void>();
  readonly #child: Bun.Subprocess;
  readonly #ended: Promise<void>;
  #isOver = false;

  constructor(argv: readonly string[], cwd: string) {
    const decoder = new TextDecoder();
    this.#child = Bun.spawn([...argv], {
      cwd,
      env: {
        PATH: process.env["PATH"] ?? "/usr/bin:/bin",
        TERM: "xterm",
        LC_ALL: "C.UTF-8",
        HOME: cwd,
        PS1: PROMPT,
        HISTFILE: "/dev/null",
      },
      terminal: {
        cols: 200,
        rows: 60,
        data: (_, bytes) => {
          this.#shown += decoder.decode(bytes, { stream: true });
          this.#wake();
        },
      },
    });
    this.#ended = this.#child.exited.then(() => {
      this.#isOver = true;
      this.#wake();
    });
  }

  /** Types commands, one after the other, and waits for the prompt after each. */
  async run(...commands: readonly string[]): Promise<void> {
    for (const command of commands) {
      this.type(`${command}\n`);
      await this.shows(new RegExp(`\\n${PROMPT}$`));
    }
  }

  type(text: string): void {
    this.#shown = "";
    this.#child.terminal?.write(text);
  }

  /** Drops the line that was typed. */
  async cancel(): Promise<void> {
    this.type("\u0003");
    await this.shows(new RegExp(`${PROMPT}$`));
  }

  /** Settles with what the terminal shows as soon as it matches. */
  async shows(pattern: RegExp): Promise<string> {
    for (;;) {
      const text = Bun.stripANSI(this.#shown).replace(/\r/g, "");
      if (pattern.test(text)) return text;
      if (this.#isOver) throw new Error(`the shell ended without showing ${pattern}: ${text}`);
      await this.#woken.promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    this.#child.terminal?.close();
  }

  #wake(): void {
    this.#woken.resolve();
    this.#woken = Promise.withResolvers();
  }
}
