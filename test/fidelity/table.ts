import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Direction, Wire } from "./directions.ts";
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
import { rawDescriptors } from "../support/sockets/raw-socket.ts";
import { countFromHere, type Harness } from "./relay-under-test.ts";

const TIMEOUT = 20_000;

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
  readonly directions: readonly Direction[];
  /**
   * Whether the processor's time of a relay can be told from that of the test's own ends: only where
   * it is a process of its own.
   */
  readonly measuresCpu?: boolean;
}

/** Makes the tests of the table: each row in each direction, over one way to run a relay. */
export function testFidelity(harness: Harness, { directions, measuresCpu }: Extent): void {
  for (const direction of directions) {
    describe(`${harness.name}, ${direction.name}`, () => {
      for (const row of rows) testRow(harness, direction, row, test);
    });
  }
  // These rows spend their time asleep, and do it together.
  describe(`${harness.name}, slow rows`, () => {
    for (const direction of directions)
      for (const row of [...(measuresCpu ? quietRows : []), ...patienceRows])
        testRow(harness, direction, row, test.concurrent, `${direction.name}: `);
  });
  checkDescriptors();
}

/**
 * Makes the tests of the rows about bytes alone: the relay is the same for all families of
 * addresses, so for the others it is enough that bytes come through.
 */
export function testBytes(harness: Harness, directions: readonly Direction[]): void {
  for (const direction of directions) {
    describe(`${harness.name}, ${direction.name}`, () => {
      for (const row of byteRows) testRow(harness, direction, row, test);
    });
  }
  checkDescriptors();
}

/** The tests' own ends are all closed at the end, so that no relay's descriptor is taken for one. */
function checkDescriptors(): void {
  beforeAll(countFromHere);
  afterAll(() => expect([...rawDescriptors]).toEqual([]));
}

type DefineTest = (name: string, run: () => Promise<void>, timeout: number) => void;

function testRow(
  harness: Harness,
  direction: Direction,
  row: Row,
  define: DefineTest,
  prefix = "",
): void {
  if (row.where?.(direction) === false) return;
  const run = async () => {
    await using wire = await Wire.open(harness, direction, row);
    await row.run(wire);
    await wire.finish();
  };
  define(`${prefix}${row.name}`, run, row.timeout ?? TIMEOUT);
}
