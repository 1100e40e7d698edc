import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../../src/config/parse-config.ts";
import {
  acceptPausesByWord,
  acceptPauseWords,
} from "../../../src/observe/figures/accept-pause-words.ts";
import {
  actingLimits,
  isTogetherOfFiles,
  observeActingLimits,
} from "../../../src/process/acting-limits.ts";
import { shareConnections } from "../../../src/process/connection-limits.ts";
import type { ReachedLimit } from "../../../src/relay/observer.ts";

const AS_REPORTED = {
  ...({ own: "own", shared: "shared" } as const),
  ...({ memory: "memory", descriptors: "descriptors" } as const),
};

const FILES = { byDefault: 100, most: 100 };

/**
 * The limits that act where the first of some relays reports its own limit, and the shared one.
 *
 * @param wishes - the limit that each relay asks for; null for none of its own
 */
function acting(wishes: readonly (number | null)[], wanted?: number) {
  const text = wishes.map(
    (wish, index) =>
      `[relay.r${index}]\nsource = ":0"\ndestination = "@x"\n` +
      (wish === null ? "" : `connections-max = ${wish}\n`),
  );
  const { relays } = parseConfig("x.toml", text.join("\n"));
  const [first] = relays;
  if (first === undefined) throw new Error("there is no relay");
  const limits = shareConnections(relays, FILES, wanted);
  const { inLog, inFigures } = actingLimits(first, limits.of(first), limits, wanted);
  return {
    own: [inLog.own, inFigures.own],
    shared: [inLog.shared, inFigures.shared],
    isTogetherOfFiles: isTogetherOfFiles(limits, wanted),
  };
}

const ofOptions = { shared: ["shared", "shared"], isTogetherOfFiles: false };
const ofFiles = { shared: ["shared", "descriptors"], isTogetherOfFiles: true };

describe("the limit that acts where a relay's own limit is reached", () => {
  test.each([
    ["its own option", [7], undefined, { own: ["own", "own"], ...ofOptions }],
    ["an option of the command line", [7], 7, { own: ["own", "own"], ...ofOptions }],
    ["the top of a file", [null], 7, { own: ["shared", "shared"], ...ofOptions }],
    ["the top, of several", [null, null], 7, { own: ["shared", "shared"], ...ofOptions }],
    ["the top, below its own", [9, null], 7, { own: ["shared", "shared"], ...ofOptions }],
    ["its own, below the top", [5, null], 7, { own: ["own", "own"], ...ofOptions }],
    ["files, no option", [null], undefined, { own: ["own", "descriptors"], ...ofOptions }],
    ["files, its option", [999], undefined, { own: ["own", "descriptors"], ...ofOptions }],
    ["files, of several", [null, null], 999, { own: ["shared", "descriptors"], ...ofFiles }],
    ["its own, below the files", [5, null], 999, { own: ["own", "own"], ...ofFiles }],
  ] as const)("%s", (_, relays, wanted, expected) => {
    expect<unknown>(acting(relays, wanted)).toEqual(expected);
  });
});

test("an observer hears of the limits that act, and of all other events as before", () => {
  const heard: unknown[] = [];
  const observer = observeActingLimits(
    {
      full: (open, limit) => heard.push(["full", open, limit]),
      acceptingPaused: (reason, change) => heard.push(["paused", reason, change]),
      draining: (open) => heard.push(["draining", open]),
    },
    { ...AS_REPORTED, own: "shared" },
  );
  observer.full?.(7, "own");
  observer.acceptingPaused?.("own", 1);
  observer.acceptingPaused?.("memory", 1);
  observer.draining?.(7);
  expect(heard).toEqual([
    ["full", 7, "shared"],
    ["paused", "shared", 1],
    ["paused", "memory", 1],
    ["draining", 7],
  ]);
  expect(Object.keys(observeActingLimits({}, AS_REPORTED))).toEqual([]);
});

test("one limit that is reported twice is one reason", () => {
  const pauses = new Map<ReachedLimit, number>([["shared", 2]]);
  expect(acceptPauseWords(pauses)).toEqual(["process_connections_max"]);
  expect(acceptPausesByWord(pauses).get("process_connections_max")).toBe(1);
});
