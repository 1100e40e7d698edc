import { type CommandDef, defineCommand, runCommand } from "citty";
import { ConfigError } from "./config/config-error.ts";
import { UsageError } from "./cli/line/usage-error.ts";
import { COMMAND_NAMES, type CommandName, COMMANDS } from "./options/commands.ts";
import { complain, writeAnswer } from "./cli/line/write-output.ts";
import { runRelay } from "./cli/relay/relay-command.ts";
import { type CommandLine, commandNamed, readCommandLine } from "./cli/line/parse-command-line.ts";
import { quote } from "./address/quote-word.ts";
import { mayPaint, style } from "./observe/log/terminal-style.ts";
import { HandoverError } from "./process/handover/handover-error.ts";
import { handoverRequest } from "./process/handover/handover-variable.ts";
import { PROGRAM, VERSION } from "./program/version.ts";

/** Does a command's work and returns the exit status. */
type Command = (line: CommandLine) => Promise<number>;

// The code of most commands is loaded on demand, so that a relay starts faster.
const LOADERS: Readonly<Record<CommandName, () => Command | Promise<Command>>> = {
  relay: () => runRelay,
  check: async () => (await import("./cli/check/check-command.ts")).runCheck,
  completions: async () =>
    (await import("./cli/completions/completions-command.ts")).runCompletions,
  demo: async () => (await import("./cli/demo/demo-command.ts")).runDemo,
  help: async () => (await import("./cli/help/help-command.ts")).runHelp,
  units: async () => (await import("./cli/units/units-command.ts")).runUnits,
  status: async () => (await import("./cli/status/status-command.ts")).runStatus,
  version: () => printVersion,
};

const EX_FAILED = 1;
// The next two exit statuses are from sysexits(3).
const EX_USAGE = 64;
const EX_CONFIG = 78;

// The only place that ends the process.
process.exit(await main(process.argv.slice(2)));

/** Runs a command line and returns the exit status (README, "Exit status"). */
async function main(args: readonly string[]): Promise<number> {
  try {
    if (handoverRequest?.step === "detach") return await detach(handoverRequest.descriptors);
    const line = readCommandLine(args);
    if (line.asks === "help") return await printHelp(line.command);
    if (line.asks === "version") return await printVersion();
    return await dispatch(line);
  } catch (error) {
    if (error instanceof UsageError) {
      await refusePlace(error.message);
      await complain(`${PROGRAM}: ${error.message}\n${helpHint(commandNamed(args))}\n`);
      return EX_USAGE;
    }
    if (error instanceof ConfigError) {
      await refusePlace(summaryOf(error));
      await complain(`${error.message}\n`);
      return EX_CONFIG;
    }
    if (error instanceof HandoverError) {
      await complain(`${PROGRAM}: ${error.message}\n`);
      return EX_FAILED;
    }
    const unexpected = firstOf(error);
    await refusePlace(`unexpected: ${unexpected.message}`);
    await complain(`${PROGRAM}: unexpected: ${unexpected.message}\n`);
    if (args.includes("--log-level=debug")) await complain(`${unexpected.stack}\n`);
    return EX_FAILED;
  }
}

/**
 * The error that happened first. If the cleanup of a `using` declaration fails after an error,
 * JavaScript throws a `SuppressedError`, which holds both errors and has no message.
 */
function firstOf(error: unknown): Error {
  if (error instanceof SuppressedError) return firstOf(error.suppressed);
  return error instanceof Error ? error : new Error(String(error));
}

async function printHelp(command: CommandName): Promise<number> {
  const { helpScreen } = await import("./cli/help/help-screen.ts");
  return await writeAnswer(helpScreen(command, style(mayPaint(1))));
}

function printVersion(): Promise<number> {
  return writeAnswer(`${PROGRAM} ${VERSION}\n`);
}

/** A line that tells the user how to get a command's help. */
function helpHint(command: CommandName): string {
  return `Try: ${PROGRAM}${command === "relay" ? "" : ` ${command}`} --help`;
}

/**
 * One line with the first mistake of a configuration file, the number of mistakes, and the command
 * that lists all of them. In a handover, the predecessor gets only this line (`refusePlace`).
 */
function summaryOf({ file, message, mistakes }: ConfigError): string {
  const [first = ""] = message.split("\n");
  if (mistakes.length === 1) return first;
  const named = /^[\w./@%+,-]+$/.test(file) ? file : quote(file);
  return `${first} (the first of ${mistakes.length} mistakes; ${PROGRAM} check ${named} lists all)`;
}

/**
 * Tells the predecessor, the process that hands over to this process, why this process cannot take
 * its place. Does nothing without a handover.
 */
async function refusePlace(reason: string): Promise<void> {
  if (handoverRequest === null) return;
  const { meetPredecessor } = await import("./process/handover/predecessor.ts");
  const predecessor = await meetPredecessor().catch(() => null);
  predecessor?.refuse(reason);
}

/**
 * Starts the successor in a handover. The predecessor has started this process, a helper, only for
 * this step. After the step the helper ends, so the successor is not a child of the predecessor.
 */
async function detach(descriptors: number): Promise<number> {
  (await import("./process/handover/detach-successor.ts")).detachSuccessor(descriptors);
  return 0;
}

/** Finds a command in the tree, loads it and runs it. */
async function dispatch(line: CommandLine): Promise<number> {
  // citty does not return the result of a subcommand.
  let status = 0;
  const tree = commandTree(async (command) => {
    status = await command(line);
  });
  await runCommand(tree, { rawArgs: line.command === "relay" ? [] : [line.command] });
  return status;
}

/**
 * The command tree, for citty. `readCommandLine` has already parsed the command line, because
 * citty's own parser ignores unknown options. `run` passes the parsed command line to the command.
 */
function commandTree(run: (command: Command) => Promise<void>): CommandDef {
  const branches = COMMAND_NAMES.map((name) => {
    const meta = { name, description: COMMANDS[name].summary };
    const branch = async () => {
      const command = await LOADERS[name]();
      return defineCommand({ meta, run: () => run(command) });
    };
    return [name, branch] as const;
  });
  return defineCommand({
    meta: { name: PROGRAM, version: VERSION },
    default: "relay",
    subCommands: Object.fromEntries(branches),
  });
}
