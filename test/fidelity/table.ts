import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Direction, Wire } from "./directions.ts";
import type { Difference } from "./known-differences.ts";
import { backpressureRows } from "./rows/backpressure.ts";
import { byteRows } from "./rows/bytes.ts";
import { earlyEndRows } from "./rows/early-end.ts";
import { failureRows } from "./rows/failures.ts";
import { halfCloseRows } from "./rows/half-close.ts";
import { patienceRows } from "./rows/patience.ts";
import { reachingRows } from "./rows/reaching.ts";
import { optionRows, quietRows } from "./rows/resources.ts";
import { shutReadingRows } from "./rows/shut-reading.ts";
import type { Row } from "./rows/row.ts";
import { rawDescriptors } from "../support/sockets/raw-descriptor.ts";
import { commandFor, failureWith } from "../support/repeat.ts";
import { countFromHere, type Harness } from "./relay-under-test.ts";

const TIMEOUT = 60_000;

const rows: readonly Row[] = [
  ...byteRows,
  ...halfCloseRows,
  ...backpressureRows,
  ...earlyEndRows,
  ...failureRows,
  ...shutReadingRows,
  ...reachingRows,
  ...optionRows,
];

/** How much of the table is tried. */
interface Extent {
  /** The file that asks for it, `import.meta.path`: a failure names it. */
  readonly file: string;
  readonly directions: readonly Direction[];
  /**
   * Whether the processor's time of a relay can be told from that of the test's own ends: only
   * where it is a process of its own.
   */
  readonly measuresCpu?: boolean;
  /**
   * Rows that are known not to hold. If one of them holds, its test fails: the list must be
   * changed.
   */
  readonly differences?: readonly Difference[];
}

/** Makes the tests of the table: each row in each direction, over one way to run a relay. */
export function testFidelity(
  harness: Harness,
  { file, directions, measuresCpu, differences = [] }: Extent,
): void {
  checkNames(differences);
  const differenceOf = (row: Row, direction: Direction) =>
    differences.find(({ row: name, where }) => name === row.name && where(direction));
  for (const direction of directions) {
    const group = `${harness.name}, ${direction.name}`;
    describe(group, () => {
      for (const row of rows.filter(({ sleeps }) => sleeps !== true))
        testRow(harness, direction, row, {
          file,
          group,
          difference: differenceOf(row, direction),
        });
    });
  }
  // These rows spend their time asleep, and do it together.
  const group = `${harness.name}, slow rows`;
  describe(group, () => {
    for (const direction of directions)
      for (const row of [
        ...(measuresCpu ? quietRows : []),
        ...patienceRows,
        ...rows.filter(({ sleeps }) => sleeps),
      ])
        testRow(harness, direction, row, {
          file,
          group,
          define: test.concurrent,
          prefix: `${direction.name}: `,
          difference: differenceOf(row, direction),
        });
  });
  endWith(harness);
}

/** Throws if a difference has the name of no row. */
function checkNames(differences: readonly Difference[]): void {
  const names = new Set([...rows, ...quietRows, ...patienceRows].map(({ name }) => name));
  for (const { row } of differences) if (!names.has(row)) throw new Error(`no row: ${row}`);
}

/**
 * Makes the tests of the rows about bytes alone: the relay is the same for all families of
 * addresses, so for the others it is enough that bytes come through.
 */
export function testBytes(
  harness: Harness,
  { file, directions }: Pick<Extent, "file" | "directions">,
): void {
  for (const direction of directions) {
    const group = `${harness.name}, ${direction.name}`;
    describe(group, () => {
      for (const row of byteRows) testRow(harness, direction, row, { file, group });
    });
  }
  endWith(harness);
}

/**
 * The tests' own ends are all closed at the end, so that no relay's descriptor is taken for one.
 */
function endWith(harness: Harness): void {
  beforeAll(countFromHere);
  afterAll(async () => {
    await harness.end?.();
    expect([...rawDescriptors]).toEqual([]);
  });
}

interface Definition {
  readonly file: string;
  /** The name of the group of tests that it belongs to. */
  readonly group: string;
  readonly define?: (name: string, run: () => Promise<void>, timeout: number) => void;
  readonly prefix?: string;
  readonly difference?: Difference | undefined;
}

function testRow(
  harness: Harness,
  direction: Direction,
  row: Row,
  { file, group, define = test, prefix = "", difference }: Definition,
): void {
  if (row.where?.(direction) === false) return;
  const name =
    difference === undefined
      ? `${prefix}${row.name}`
      : `${prefix}known not to hold: ${row.name} (${difference.why})`;
  const run = async () => {
    await using wire = await Wire.open(harness, direction, row);
    await row.run(wire);
    await wire.finish();
  };
  define(
    name,
    async () => {
      try {
        await (difference === undefined ? run() : expectFailure(run, difference));
      } catch (error) {
        throw failureWith(commandFor(file, { name: `${group} ${name}` }), error);
      }
    },
    TIMEOUT,
  );
}

async function expectFailure(run: () => Promise<void>, difference: Difference): Promise<void> {
  try {
    await run();
  } catch {
    // The failure is known; its message is not checked.
    return;
  }
  if (difference.sometimesHolds !== true)
    throw new Error("holds now: take it out of known-differences.ts, and out of the README");
}
