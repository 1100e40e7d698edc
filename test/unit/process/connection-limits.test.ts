import { expect, test } from "bun:test";
import { parseConfig } from "../../../src/config/parse-config.ts";
import { shareConnections } from "../../../src/process/connection-limits.ts";

/** The limits of relays that ask for so many connections, or for none of their own. */
function limits(files: number, ...wishes: readonly (number | null)[]) {
  const relays = wishes.map((wish, index) =>
    [
      `[relay.r${index}]\nsource = ":0"\ndestination = "@x"`,
      ...(wish === null ? [] : [`connections-max = ${wish}`]),
    ].join("\n"),
  );
  const plans = parseConfig("x.toml", relays.join("\n")).relays;
  const { of, asked } = shareConnections(plans, { byDefault: files, most: files });
  return { each: plans.map((plan) => of(plan).connectionsMax), asked };
}

test.each<[number, (number | null)[], number[], number]>([
  [100, [null], [100], 1],
  [100, [30], [30], 30],
  [100, [null, null], [50, 50], 2],
  [100, [null, null, null], [33, 33, 33], 3],
  [100, [40, null, null], [40, 30, 30], 42],
  [100, [40, 40], [40, 40], 80],
  // The limit of open files carries no more.
  [100, [200], [100], 200],
  [100, [200, 40], [100, 40], 240],
  [100, [100, null], [100, 1], 101],
])("of %i, relays that ask for %j have %j", (most, wishes, each, asked) => {
  expect(limits(most, ...wishes)).toEqual({ each, asked });
});

/** The limits where the process has one of its own. */
function limitsOfProcess(together: number, files: number, ...wishes: readonly (number | null)[]) {
  const text = wishes.map(
    (wish, index) =>
      `[relay.r${index}]\nsource = ":0"\ndestination = "@x"\n` +
      (wish === null ? "" : `connections-max = ${wish}\n`),
  );
  const { relays, processWide } = parseConfig(
    "x.toml",
    `connections-max = ${together}\n${text.join("")}`,
  );
  const { connectionsMax } = processWide;
  const limits = shareConnections(relays, { byDefault: files, most: files }, connectionsMax);
  const each = relays.map((relay) => limits.of(relay).connectionsMax);
  return { each, together: limits.together, asked: limits.asked };
}

test.each<[number, number, (number | null)[], number[], number | null]>([
  // A relay without a wish may have all.
  [50, 100, [null, null], [50, 50], 50],
  [50, 100, [10, null], [10, 50], 50],
  [50, 100, [80, null], [50, 50], 50],
  // The limit of open files carries no more.
  [200, 100, [150, null], [100, 100], 100],
  // One relay's own limit says it all.
  [50, 100, [null], [50], null],
  [50, 100, [80], [50], null],
  [200, 100, [null], [100], null],
])("of %i together, %i carried: relays that ask for %j", (together, most, wishes, each, shared) => {
  expect(limitsOfProcess(together, most, ...wishes)).toEqual({
    ...{ each, together: shared, asked: together },
  });
});

// The log, the status and the metrics say this number. The log also says whether it is of the limit
// of open files.
test.each<[number, number | null, number | null, number, boolean]>([
  [15, null, null, 15, true],
  [15, 10, null, 10, false],
  [15, 1_000, null, 15, true],
  [15, null, 1_000, 15, true],
  [15, null, 10, 10, false],
  [15, 12, 10, 10, false],
])(
  "of %i, a relay asks for %j of %j together and carries %i",
  (files, own, together, carried, isOfFiles) => {
    const text =
      (together === null ? "" : `connections-max = ${together}\n`) +
      `[relay.r]\nsource = ":0"\ndestination = "@x"\n` +
      (own === null ? "" : `connections-max = ${own}\n`);
    const { relays, processWide } = parseConfig("x.toml", text);
    const most = { byDefault: files, most: files };
    const { of } = shareConnections(relays, most, processWide.connectionsMax);
    expect(relays.map(of)).toEqual([{ connectionsMax: carried, isOfFiles }]);
  },
);

test.each<[number | null, number, boolean]>([
  [null, 10, true],
  [12, 12, false],
  [20, 16, true],
])(
  "where waiting clients take descriptors, a relay that asks for %j has %i",
  (wish, connectionsMax, isOfFiles) => {
    const text = `[relay.r]\nsource = ":0"\ndestination = "@x"\n`;
    const own = wish === null ? "" : `connections-max = ${wish}\n`;
    const { relays } = parseConfig("x.toml", text + own);
    const { of } = shareConnections(relays, { byDefault: 10, most: 16 });
    expect(relays.map(of)).toEqual([{ connectionsMax, isOfFiles }]);
  },
);
