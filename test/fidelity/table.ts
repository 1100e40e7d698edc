import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Direction, DIRECTIONS, OTHER_FAMILIES, Wire } from "./directions.ts";
import { backpressureRows } from "./rows/backpressure.ts";
import { byteRows } from "./rows/bytes.ts";
import { earlyEndRows } from "./rows/early-end.ts";
import { failureRows } from "./rows/failures.ts";
import { halfCloseRows } from "./rows/half-close.ts";
import { patienceRows } from "./rows/patience.ts";
import { reachingRows } from "./rows/reaching.ts";
import { optionRows, quietRows } from "./rows/resources.ts";
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
  ...reachingRows,
  ...optionRows,
];

/** How much of the table is tried; the whole of it where nothing is said. */
interface Extent {
  /** Whether rows that measure the processor's time can tell. */
  readonly quiet: boolean;
  readonly directions?: readonly Direction[];
  readonly otherFamilies?: readonly Direction[];
}

/** Makes the tests of the table: each row in each direction, over one way to run a relay. */
export function testFidelity(
  harness: Harness,
  { quiet, directions = DIRECTIONS, otherFamilies = OTHER_FAMILIES }: Extent,
): void {
  for (const direction of directions) {
    describe(`${harness.name}, ${direction.name}`, () => {
      for (const row of rows) testRow(harness, direction, row, test);
    });
  }
  // The relay is the same for all families of addresses: that bytes come through will do.
  for (const direction of otherFamilies) {
    describe(`${harness.name}, ${direction.name}`, () => {
      for (const row of byteRows) testRow(harness, direction, row, test);
    });
  }
  // These rows spend their time asleep, and do it together.
  describe(`${harness.name}, slow rows`, () => {
    for (const direction of directions)
      for (const row of [...(quiet ? quietRows : []), ...patienceRows])
        testRow(harness, direction, row, test.concurrent, `${direction.name}: `);
  });
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
