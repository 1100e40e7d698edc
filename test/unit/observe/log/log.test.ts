import { describe, expect, test } from "bun:test";
import { spawnSync } from "bun";
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { createLog, isJournal } from "../../../../src/observe/log/log.ts";
import type { TextBuffer } from "../../../../src/observe/log/text-buffer.ts";
import { loggedLines } from "./logged-lines.ts";

const { fd, file, logged } = loggedLines();

describe("a level shows itself and what matters more", () => {
  test.each([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ] as const)("%s", async (level, shown) => {
    const lines = await logged(level, (log) => {
      for (const each of ["debug", "info", "warn", "error"] as const) {
        log[each](each);
        expect(log.writes(each)).toBe((shown as readonly string[]).includes(each));
      }
    });
    expect(lines.map((line) => line["message"])).toEqual([...shown]);
    expect(lines.map((line) => line["level"])).toEqual([...shown]);
  });
});

test("a line that repeats is written as often as it happened", async () => {
  const lines = await logged("info", (log) => {
    for (let times = 0; times < 20; times++) log.info("the same", { event: "same" });
  });
  expect(lines).toEqual(
    Array.from({ length: 20 }, () => ({ level: "info", message: "the same", event: "same" })),
  );
});

test.each([
  ["plain", 0],
  ["json", 1],
] as const)(
  "the fields of a line that no level hides are made for %s %d times",
  async (format, times) => {
    let made = 0;
    const log = createLog("error", format, fd());
    log.always("a line", {
      append: (text, line) => text.append(line),
      fields: () => {
        made += 1;
        return { event: "access" };
      },
    });
    await log.flush(10_000);
    expect(readFileSync(file(), "utf8")).toContain("a line");
    expect(made).toBe(times);
  },
);

test.each(["plain", "journal", "json"] as const)(
  "what would break a line that no level hides is escaped in %s",
  async (format) => {
    const log = createLog("error", format, fd()).named("r\u00e9lais", true);
    const kind = {
      append: (text: TextBuffer, line: string) => text.append(line),
      fields: () => ({}),
    };
    log.always("/run/\u001b[2J\u202ex", kind);
    log.always("after", kind);
    await log.flush(10_000);
    const [first, second, ...rest] = readFileSync(file(), "utf8").split("\n");
    expect(first).toContain("r\u00e9lais: /run/\\u001b[2J\\u202ex");
    expect(second).toContain("r\u00e9lais: after");
    expect(rest).toEqual([""]);
  },
);

test("the end of the log tells the lost lines whose line waits for its period", async () => {
  const pipe = `${file()}-pipe`;
  spawnSync(["mkfifo", pipe]);
  const openReader = () => openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  let reader = openReader();
  const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  const log = createLog("info", "plain", writer);
  const chunk = Buffer.alloc(4096);
  /** What is written until the end of a flush, after as many lines were lost. */
  const afterLoss = async (losses: number): Promise<string> => {
    closeSync(reader);
    for (let line = 0; line < losses; line += 1) log.info("lost");
    await log.flush(10_000);
    reader = openReader();
    log.info("after");
    await log.flush(10_000);
    return chunk.toString("utf8", 0, readSync(reader, chunk));
  };
  for (const losses of [3, 7])
    expect(await afterLoss(losses)).toMatch(
      new RegExp(`after\n.* ${losses} log lines were lost: .*EPIPE`),
    );
  closeSync(reader);
  closeSync(writer);
});

test("the journal is known by device and inode, not by the variable alone", () => {
  const { dev, ino } = fstatSync(fd(), { bigint: true });
  expect(isJournal(fd(), `${dev}:${ino}`)).toBe(true);
  expect(isJournal(fd(), `${dev}:${ino + 1n}`)).toBe(false);
  expect(isJournal(fd(), undefined)).toBe(false);
  expect(isJournal(fd(), "")).toBe(false);
  expect(isJournal(999_999, `${dev}:${ino}`)).toBe(false);
});
