import { runCommand } from "citty";
import { UsageError } from "./cli/line/usage-error.ts";
import type { CommandName } from "./cli/line/option-table.ts";
import { complain, writeAll } from "./cli/line/write-output.ts";
import { relayCommand } from "./cli/relay/relay-command.ts";
import { readCommandLine } from "./cli/line/read-command-line.ts";
import { helpHint, usage } from "./cli/line/help.ts";
import { mayPaint, style } from "./observe/log/terminal-style.ts";
import { PROGRAM, VERSION } from "./version.ts";

// Each command's `run` gives its exit status.
const COMMAND_TREE = {
  relay: relayCommand,
  // A relay need not wait until what only these need is loaded.
  demo: async () => (await import("./cli/demo/demo-command.ts")).demoCommand,
  units: async () => (await import("./cli/units/units-command.ts")).unitsCommand,
  status: async () => (await import("./cli/status/status-command.ts")).statusCommand,
};

const EX_FAILED = 1;
// sysexits(3)
const EX_USAGE = 64;

// The only place that ends the process.
process.exit(await main(process.argv.slice(2)));

/** Runs a command line; gives the exit status (README, "Exit status"). */
async function main(args: readonly string[]): Promise<number> {
  let command: CommandName = "relay";
  try {
    const line = readCommandLine(args);
    command = line.command;
    if (line.asks === "help") return await writeAll(1, usage(command, style(mayPaint(1))));
    if (line.asks === "version") return await writeAll(1, `${PROGRAM} ${VERSION}\n`);
    const definition = COMMAND_TREE[command];
    const { result } = await runCommand(
      typeof definition === "function" ? await definition() : definition,
      { rawArgs: line.rawArgs },
    );
    return typeof result === "number" ? result : 0;
  } catch (error) {
    if (error instanceof UsageError) {
      await complain(`${PROGRAM}: ${error.message}\n${helpHint(command)}\n`);
      return EX_USAGE;
    }
    const unexpected = error instanceof Error ? error : new Error(String(error));
    await complain(`${PROGRAM}: unexpected: ${unexpected.message}\n`);
    if (args.includes("--log-level=debug")) await complain(`${unexpected.stack}\n`);
    return EX_FAILED;
  }
}
