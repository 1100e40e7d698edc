import { join, relative } from "node:path";

/**
 * Whether CI runs the tests: it looks for longer than a person who changed a line wants to wait.
 */
export const IN_CI = process.env["CI"] !== undefined;

/** How many rounds of a random test are tried: all in CI, a quarter elsewhere. */
export function roundsOf(all: number): number {
  return IN_CI ? all : Math.ceil(all / 4);
}

/** The seed of all random tests of a run: `SEED` of the environment, or a new one. */
export const SEED = Number(process.env["SEED"] ?? Date.now() & 0x7fffffff);

/**
 * The line for a shell, in the project's folder, that runs a file's tests again.
 *
 * @param options.name the full name of one test: the names of its groups and its own, with spaces
 *   between.
 * @param options.seeded whether chance has a part in the tests: the line then holds the seed.
 */
export function commandFor(
  file: string,
  { name, seeded = false }: { readonly name?: string; readonly seeded?: boolean } = {},
): string {
  const ci = IN_CI ? "CI=true " : "";
  const seed = seeded ? `SEED=${SEED} ` : "";
  const path = relative(join(import.meta.dir, "../.."), file);
  const only = name === undefined ? "" : ` -t ${quoted(`^${escaped(name)}$`)}`;
  return `${ci}${seed}npx --yes bun@1.4.5 test --timeout 60000 ${path}${only}`;
}

/** An error whose message begins with the command that shows the failure again. */
export function failureWith(command: string, cause: unknown): Error {
  return new Error(`to see it again: ${command}`, { cause });
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
