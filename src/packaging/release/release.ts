/** Makes a release: `bun run release` writes everything that is published to dist/release. */
import { join } from "node:path";
import { makeRelease } from "./make-release.ts";

const output = join(import.meta.dir, "../../../dist/release");

try {
  await makeRelease(output, (line) => void process.stdout.write(`${line}\n`));
  process.stdout.write(await Bun.file(join(output, "SHA256SUMS")).text());
} catch (error) {
  const reasons = error instanceof AggregateError ? error.errors : [error];
  const words = reasons.map((reason) => (reason instanceof Error ? reason.message : reason));
  process.stderr.write(`release: ${words.join("\n")}\n`);
  process.exitCode = 1;
}
