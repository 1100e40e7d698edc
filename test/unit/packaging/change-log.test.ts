import { expect, test } from "bun:test";
import { checkVersion, readChangeLog } from "../../../src/packaging/change-log.ts";
import { debianChangeLog } from "../../../src/packaging/debian/debian-change-log.ts";

const TEXT = `# Changes

## 1.1.0 (2026-11-28)

Added:

- \`--name\`: a name.
- ${"many words ".repeat(12).trim()}

## 1.0.0 (2026-11-24)

- The first one.
`;

test("the change log is read, newest version first", () => {
  const [newest, oldest, ...others] = readChangeLog(TEXT);
  expect(newest?.version).toBe("1.1.0");
  expect(newest?.date.toISOString()).toBe("2026-11-28T00:00:00.000Z");
  expect(newest?.changes).toHaveLength(2);
  expect(oldest?.changes).toEqual(["The first one."]);
  expect(others).toEqual([]);
});

test("a section that is not released is refused, and the message says what to write", () => {
  const unreleased = TEXT.replace("1.1.0 (2026-11-28)", "Unreleased");
  expect(() => readChangeLog(unreleased)).toThrow(
    'CHANGELOG.md has the section "Unreleased": a release needs "## X.Y.Z (YYYY-MM-DD)" in its place',
  );
});

test("the version of package.json must be the newest of the change log", () => {
  const entries = readChangeLog(TEXT);
  expect(() => checkVersion("1.1.0", entries)).not.toThrow();
  expect(() => checkVersion("1.2.0", entries)).toThrow(
    "package.json has version 1.2.0, and CHANGELOG.md begins with 1.1.0: change one of the two",
  );
});

test("Debian's change log has an entry for each version, in lines below 80 columns", () => {
  const log = debianChangeLog(readChangeLog(TEXT), "A B <a@example.org>");
  expect(log).toStartWith(
    "simpletcpunixrelay (1.1.0) stable; urgency=medium\n\n  * `--name`: a name.\n",
  );
  expect(log).toContain("\n -- A B <a@example.org>  Sat, 28 Nov 2026 00:00:00 +0000\n");
  expect(log).toContain("\nsimpletcpunixrelay (1.0.0) stable; urgency=medium\n");
  for (const line of log.split("\n")) expect(line.length).toBeLessThan(80);
});
