import type { CommandName } from "../../options/commands.ts";
import type { Style } from "../../observe/log/terminal-style.ts";
import { PROGRAM } from "../../program/version.ts";

/** An example: a command line, and a sentence about its effect. */
export interface Example {
  readonly does: string;
  /** The words after the program's name. */
  readonly line: string;
}

/** The examples of each command, for its help and for the manual page. */
export const EXAMPLES: Readonly<Record<CommandName, readonly Example[]>> = {
  relay: [
    {
      does: "Reach Docker, which has a Unix socket, through a loopback port:",
      line: "127.0.0.1:2375 /run/docker.sock",
    },
    {
      does: "Give a service that knows only TCP a Unix socket for one group:",
      line: "--mode=0660 --group=www-data --directory-mode=0755 /run/app/socket 127.0.0.1:9000",
    },
    {
      does: "Wait up to 20 s for a service that is being restarted, while the client waits:",
      line: "--connect-retry=20s 127.0.0.1:5432 /run/postgresql/.s.PGSQL.5432",
    },
    {
      does: "Let in two networks, and tell the destination who connects:",
      line: "--allow=10.0.0.0/8,::1 --proxy-protocol=v2 :8080 127.0.0.1:80",
    },
    {
      does: "Run all relays of a file, and show what they do at a loopback port:",
      line: "--config=relays.toml --admin=127.0.0.1:9090",
    },
  ],
  check: [{ does: "Find every mistake before a reload:", line: "check relays.toml" }],
  completions: [
    {
      does: "Complete command lines in bash:",
      line: "completions bash >~/.local/share/bash-completion/completions/simpletcpunixrelay",
    },
    {
      does: "In zsh, in a folder of fpath:",
      line: "completions zsh >~/.zfunc/_simpletcpunixrelay",
    },
    {
      does: "In fish:",
      line: "completions fish >~/.config/fish/completions/simpletcpunixrelay.fish",
    },
  ],
  demo: [{ does: "Keep the demo running, to connect to it:", line: "demo --hold" }],
  help: [
    { does: "All options of a relay, with what they do:", line: "help relay" },
    { does: "The options of one command:", line: "help units" },
  ],
  status: [
    { does: "Watch a relay, updated each second:", line: "status --watch /run/app/admin" },
    {
      does: "Wait until a relay that was just started is ready:",
      line: "status --wait=30s --check /run/app/admin",
    },
  ],
  units: [
    {
      does: "Lock minio.service behind a Unix socket:",
      line: "units --service=minio --mode=0660 --group=www-data /run/minio-relay/socket 127.0.0.1:9000",
    },
    {
      does: "One service for all relays of a file:",
      line: "units --config=relays.toml --output=.",
    },
  ],
  version: [],
};

/**
 * The lines of a help screen with the examples of a command; empty if the command has no examples.
 */
export function exampleLines(
  command: CommandName,
  { bold, cyan }: Pick<Style, "bold" | "cyan">,
): readonly string[] {
  const examples = EXAMPLES[command];
  if (examples.length === 0) return [];
  const lines = examples.flatMap((example) => [
    `  ${example.does}`,
    ...commandLines(example).map((line) => `    ${cyan(line)}`),
  ]);
  return ["", bold(examples.length === 1 ? "Example:" : "Examples:"), ...lines];
}

/**
 * The command line of an example, broken into several lines if it is too long for one line of a
 * screen.
 */
export function commandLines({ line }: Example): readonly string[] {
  const lines: string[] = [];
  for (const word of `${PROGRAM} ${line}`.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(word);
    else if (last.length + 1 + word.length <= COLUMNS) lines.splice(-1, 1, `${last} ${word}`);
    else lines.splice(-1, 1, `${last} \\`, `  ${word}`);
  }
  return lines;
}

// The maximum length of a line. A line of this length leaves room for the indentation and the
// backslash on a screen of 80 columns.
const COLUMNS = 74;
