import { parseArgs } from "node:util";
import { BEFORE, RELAYS, OURS, DIRECT } from "./peers/index.ts";
import { ROWS } from "./rows.ts";

/** How the bench is to run. */
export interface Options {
  /** Whether the run is only to see that everything works. */
  readonly quick: boolean;
  readonly rounds: number;
  /** How long each load lasts, about. */
  readonly seconds: number;
  readonly rows: readonly string[];
  /** Our own relay, its peers and `direct`. */
  readonly relays: readonly string[];
  /** An executable of our own to be set beside the one of this folder. */
  readonly before: string | undefined;
  /** The folder for the results; a temporary one where none is given. */
  readonly out: string | undefined;
  /** A shell's command to run beside each load; with a folder for its files. */
  readonly attach: { readonly command: string; readonly folder: string } | undefined;
}

/** The command line makes no sense. */
export class UsageError extends Error {
  constructor(message: string) {
    super(`${message}\n${USAGE}`);
    this.name = "UsageError";
  }
}

const ROW_NAMES = ROWS.map(({ name }) => name);
const PEER_NAMES = [DIRECT, ...Object.keys(RELAYS).filter((name) => name !== OURS)];

const USAGE = `bun run bench [OPTIONS]
  --quick           one short round: to see that it works
  --rounds=N        5; every relay once in each row and direction a round
  --seconds=S       0.6; how long each load lasts, about
  --rows=A,B        of ${ROW_NAMES.join(", ")}
  --peers=A,B       beside our own, of ${PEER_NAMES.join(", ")}
  --before=FILE     beside our own, its executable of another commit
  --out=FOLDER      for bench.json and bench.svg; a temporary folder where none is given
  --attach=COMMAND  a shell's command to run beside each load and end by SIGINT; $PIDS are the
                    relay's processes, $OUT a file in --out, which this needs (see PROFILE.md)`;

/**
 * Reads the command line.
 *
 * @throws {UsageError}
 */
export function readOptions(argv: readonly string[]): Options {
  const values = parse(argv);
  const quick = values.quick === true;
  const peers = chosen("peers", values.peers, PEER_NAMES);
  return {
    quick,
    rounds: positive("rounds", values.rounds, Number.isInteger) ?? (quick ? 1 : 5),
    seconds: positive("seconds", values.seconds, Number.isFinite) ?? (quick ? 0.12 : 0.6),
    rows: chosen("rows", values.rows, ROW_NAMES),
    relays: [DIRECT, OURS, BEFORE, ...PEER_NAMES.slice(1)].filter(
      (name) =>
        name === OURS || (name === BEFORE ? values.before !== undefined : peers.includes(name)),
    ),
    before: values.before,
    out: values.out,
    attach: readAttach(values.attach, values.out),
  };
}

function parse(argv: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        quick: { type: "boolean" },
        rounds: text,
        seconds: text,
        rows: text,
        peers: text,
        before: text,
        out: text,
        attach: text,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readAttach(command: string | undefined, folder: string | undefined): Options["attach"] {
  if (command === undefined) return undefined;
  if (folder === undefined) throw new UsageError("--attach needs an --out for its files");
  return { command, folder };
}

function positive(
  name: string,
  text: string | undefined,
  isRight: (value: number) => boolean,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text === "" || !isRight(value) || value <= 0)
    throw new UsageError(`--${name}=${text}: it takes a number above 0`);
  return value;
}

function chosen(
  name: string,
  text: string | undefined,
  known: readonly string[],
): readonly string[] {
  if (text === undefined) return known;
  const names = text.split(",").filter(Boolean);
  for (const each of names)
    if (!known.includes(each)) throw new UsageError(`--${name}: there is no ${each}`);
  return known.filter((each) => names.includes(each));
}
