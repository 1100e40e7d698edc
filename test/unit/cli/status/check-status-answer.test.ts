import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { drawStatus } from "../../../../src/cli/status/draw-status-of-one-relay.ts";
import { NoStatus, checkStatusAnswer } from "../../../../src/cli/status/check-status-answer.ts";
import { style } from "../../../../src/observe/log/terminal-style.ts";
import { connection, status } from "./sample-status.ts";
import { holds } from "../../../support/property.ts";

const good = () => status([connection({ client: "", client_uid: 1, client_pid: 2 })]);

/** A document as a stranger may send it: a copy with one part replaced. */
function replaced(path: readonly (string | number)[], part: unknown): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(good()));
  let at: unknown = copy;
  for (const key of path.slice(0, -1)) at = Reflect.get(Object(at), key);
  Reflect.set(Object(at), path.at(-1) ?? "", part);
  return copy;
}

/** The way to every part of a document. */
function pathsOf(value: unknown, at: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[...at]];
  const parts = Object.entries(value).flatMap(([key, part]) => pathsOf(part, [...at, key]));
  return at.length === 0 ? parts : [[...at], ...parts];
}

describe("a status from a stranger", () => {
  test("that is one is read as it is", () => {
    expect(checkStatusAnswer(JSON.parse(JSON.stringify(good())))).toEqual(good());
  });

  test("of a later release is read without what is new", () => {
    expect(checkStatusAnswer(replaced(["news"], { of: "later" }))).toEqual(good());
    expect(checkStatusAnswer(replaced(["state"], "pausing")).state).toBe("pausing");
  });

  test("has levels that printing them with indentation can bear", () => {
    const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
    expect(checkStatusAnswer(replaced(["news"], nested(15)))).toEqual(good());
    for (const levels of [16, 20_000])
      expect(() => checkStatusAnswer(replaced(["news"], nested(levels)))).toThrow(
        new NoStatus("the answer has more than 16 levels"),
      );
  });

  test.each([
    [["pid"], "7", "pid of the answer is not a number"],
    [["ready"], 1, "ready of the answer is neither true nor false"],
    [["source"], 7, "source of the answer is not a string"],
    [["connections"], [], "connections of the answer is not an object"],
    [["connections", "failed", "x"], "1", "connections.failed.x of the answer is not a number"],
    [["open", "list"], {}, "open.list of the answer is not a list"],
    [["open", "list", 0], null, "open.list[0] of the answer is not an object"],
    [
      ["open", "list", 0, "client_uid"],
      "0",
      "open.list[0].client_uid of the answer is not a number",
    ],
    [["history", 1, "at"], null, "history[1].at of the answer is not a number"],
    [["program"], "nginx", "program of the answer is not simpletcpunixrelay"],
    [["version"], undefined, "version of the answer is not a string"],
  ])("with %j as %j is refused", (path, part, message) => {
    expect(() => checkStatusAnswer(replaced(path, part))).toThrow(new NoStatus(message));
  });

  test.each([[null], [1], ["x"], [[]], [true]])("that is %j is refused", (value) => {
    expect(() => checkStatusAnswer(value)).toThrow(NoStatus);
  });

  // What a terminal obeys, and what reorders text.
  const OBEYED =
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

  test("never makes a terminal obey, whatever it has and wherever", () => {
    const evil = fc.constantFrom("\u001b[2J", "\u009b2J", "\n", "\u202e", "\u0007");
    const part = fc.oneof(evil, fc.object({ key: fc.oneof(evil, fc.string()) }), fc.jsonValue());
    holds(
      import.meta.path,
      fc.property(fc.constantFrom(...pathsOf(good())), part, (path, value) => {
        try {
          const read = checkStatusAnswer(replaced(path, value));
          const lines = drawStatus(read, { columns: 200, style: style(false) });
          for (const line of lines) expect(line).not.toMatch(OBEYED);
        } catch (error) {
          if (!(error instanceof NoStatus)) throw error;
          expect(error.message).not.toMatch(OBEYED);
        }
      }),
      { runs: 500 },
    );
  });
});
