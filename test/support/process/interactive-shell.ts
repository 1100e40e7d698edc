const PROMPT = "READY> ";

/** A shell at a terminal, into which a test types. */
export class InteractiveShell implements AsyncDisposable {
  /** What the terminal has shown since the last `type`, without colours. */
  #shown = "";
  #woken = Promise.withResolvers<void>();
  readonly #child: Bun.Subprocess;
  readonly #ended: Promise<void>;
  #isOver = false;
  #commands = 0;

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

  /** Types commands, one after the other, and waits until each is done. */
  async run(...commands: readonly string[]): Promise<void> {
    for (const command of commands) {
      this.#commands += 1;
      // The shell computes the mark: the terminal's echo of the command does not have it.
      this.type(`${command}; echo done-$((${this.#commands} + 0))-\n`);
      await this.shows(new RegExp(`done-${this.#commands}-\n${PROMPT}$`));
    }
  }

  type(text: string): void {
    this.#shown = "";
    this.#child.terminal?.write(text);
  }

  /** Drops the line that was typed. */
  async clear(): Promise<void> {
    this.type("\u0015");
    await this.run(":");
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
