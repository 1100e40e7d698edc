import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runRelay } from "../../support/process/executable.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";

setDefaultTimeout(60_000);

await describeNeeding("more relays than descriptors", [program("prlimit")], () => {
  test.each([1, 2])(
    "fail with the fix, and leave no socket file: %i workers asked for",
    async (workers) => {
      const folder = mkdtempSync(join(tmpdir(), "too-few-"));
      const tables = Array.from(
        { length: 200 },
        (_, index) =>
          `[relay.r${index}]\nsource = "${join(folder, String(index))}"\ndestination = "@absent"\n`,
      );
      const file = join(folder, "relays.toml");
      writeFileSync(file, `workers = ${workers}\n${tables.join("")}`);
      const { code, stderr } = await runRelay([`--config=${file}`], {
        prefix: ["prlimit", "--nofile=160:160"],
      });
      expect(stderr).toMatch(
        /cannot listen on \S+: too many open files \(EMFILE\); raise the limit of open files/,
      );
      expect(stderr).not.toContain("unexpected: EMFILE");
      expect(code).toBe(1);
      expect(readdirSync(folder)).toEqual(["relays.toml"]);
      rmSync(folder, { recursive: true });
    },
  );
});
