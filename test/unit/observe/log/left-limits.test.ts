import { describe, expect, jest, test } from "bun:test";
import { parseAddress } from "../../../../src/address/address.ts";
import { logObserver } from "../../../../src/observe/log/event-log.ts";
import type { Log } from "../../../../src/observe/log/log.ts";
import { sharedLimitsLog } from "../../../../src/observe/log/shared-limits-log.ts";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import type { Observer, ReachedLimit } from "../../../../src/relay/observer.ts";
import { loggedLines } from "./logged-lines.ts";

const { logged } = loggedLines();

describe("a limit is left", () => {
  const left = (
    observer: Partial<Observer>,
    reason: ReachedLimit,
    then: (all: Observer) => void = () => {},
  ) => {
    const all = { ...silentObserver, ...observer };
    jest.useFakeTimers();
    try {
      all.acceptingPaused(reason, 1);
      all.full(7, reason);
      all.acceptingPaused(reason, -1);
      then(all);
      jest.advanceTimersByTime(10_000);
    } finally {
      jest.useRealTimers();
    }
  };
  const limit = { connectionsMax: 7, isOfFiles: false };
  const destination = parseAddress("/run/x/socket", "destination");
  const ofAll = { memoryMax: 4_194_304, isOfFiles: false };
  const makers = {
    own: (log: Log) => logObserver(log, destination, limit),
    shared: (log: Log) => sharedLimitsLog(log, ofAll),
    memory: (log: Log) => sharedLimitsLog(log, ofAll),
    descriptors: (log: Log) => sharedLimitsLog(log, ofAll),
  };

  test.each([
    ["own", "connections", "clients are accepted again: the connections were at their limit for"],
    [
      "shared",
      "all_relays",
      "clients of every relay are accepted again: all relays together were at the limit of connections for",
    ],
    [
      "memory",
      "memory",
      "clients are accepted again: all connections together were at the limit of 4.19 MB for",
    ],
    ["descriptors", "open_files", "clients are accepted again: no descriptor was left for"],
  ] as const)("%s", async (reason, name, words) => {
    const lines = await logged("info", (log) => left(makers[reason](log), reason));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ level: "warn", event: "full" });
    expect(lines[1]).toMatchObject({ level: "info", event: "accepting_again", limit: name });
    expect(lines[1]?.["message"]).toStartWith(words);
  });

  test.each(["own", "shared", "memory", "descriptors"] as const)(
    "%s: nothing is said of a relay that stops",
    async (reason) => {
      const lines = await logged("info", (log) =>
        left(makers[reason](log), reason, (observer) => observer.draining(0)),
      );
      expect(lines.map((line) => line["event"])).toEqual(["full"]);
    },
  );

  test("the warning of the descriptors names what helps", async () => {
    const [line] = await logged("info", (log) => left(makers.descriptors(log), "descriptors"));
    expect(line?.["message"]).toContain("LimitNOFILE=");
  });

  test.each([
    ["own", (log: Log) => logObserver(log, destination, { connectionsMax: 7, isOfFiles: true })],
    ["shared", (log: Log) => sharedLimitsLog(log, { ...ofAll, isOfFiles: true })],
  ] as const)("%s, if it follows from the limit of open files: says so", async (reason, make) => {
    const lines = await logged("info", (log) => left(make(log), reason));
    expect(lines.map((line) => line["limit"])).toEqual(["open_files", "open_files"]);
    expect(lines[0]?.["message"]).toContain("LimitNOFILE=");
  });

  test("the warning of the memory names what helps", async () => {
    const [line] = await logged("info", (log) => left(makers.memory(log), "memory"));
    expect(line?.["message"]).toContain("--idle-timeout");
    expect(line?.["message"]).toContain("--memory-max");
  });
});
