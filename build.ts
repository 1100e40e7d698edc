/**
 * Builds the executable: `bun build.ts [TARGET]`.
 *
 * Without TARGET the build is for this machine and writes dist/simpletcpunixrelay. With TARGET the
 * build writes dist/simpletcpunixrelay-TARGET.
 */
import { join } from "node:path";
import { buildExecutable } from "./src/packaging/build-executable.ts";
import { TARGETS } from "./src/packaging/targets.ts";

const EX_USAGE = 64;

const [target, ...rest] = Bun.argv.slice(2);
const known = TARGETS.find((name) => name === target);
if (rest.length > 0 || (target !== undefined && known === undefined)) {
  process.stderr.write(
    `build.ts: ${JSON.stringify(rest[0] ?? target)} is not a target; the targets are ${TARGETS.join(", ")}\n`,
  );
  process.exitCode = EX_USAGE;
} else {
  const name = known === undefined ? "simpletcpunixrelay" : `simpletcpunixrelay-${known}`;
  const outfile = join(import.meta.dir, "dist", name);
  try {
    await buildExecutable(outfile, known);
    process.stdout.write(`${outfile}\n`);
  } catch (error) {
    const lines = error instanceof AggregateError ? error.errors : [error];
    process.stderr.write(`build.ts: ${lines.join("\n")}\n`);
    process.exitCode = 1;
  }
}
