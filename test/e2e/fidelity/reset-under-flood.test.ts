import { afterAll, beforeAll, expect, test } from "bun:test";
import { TCP_TO_TCP, Wire } from "../../fidelity/directions.ts";
import { countFromHere, executableWith } from "../../fidelity/relay-under-test.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { rawDescriptors } from "../../support/sockets/raw-descriptor.ts";
import type { RawSocket } from "../../support/sockets/raw-socket.ts";

const MIB = 1024 * 1024;
const FLOOD = new Payload(256 * MIB);
const ROUNDS = 60;
// The more an end has read before it fails, the larger the relay's writes are, and the more likely
// is the reset to come in the middle of one.
const READ_MOST = 8 * MIB;

beforeAll(countFromHere);
afterAll(() => expect([...rawDescriptors]).toEqual([]));

// Without `hidden-reset.ts`, about one in thirty of these resets was passed on as an end of stream.
// It takes a relay that runs at the same time as its ends, so this is no row of the table.
for (const workers of [1, 3])
  test(`TCP to TCP, ${workers} workers: an end that fails at any moment of a flood has failed, ${2 * ROUNDS} times`, async () => {
    await using wire = await Wire.open(executableWith(workers), TCP_TO_TCP);
    const failures: unknown[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const read = 1 + Math.round((READ_MOST * round) / ROUNDS);
      const [one, other] = [await wire.ends(), await wire.ends()];
      failures.push(
        ...(await Promise.all([
          failUnderFlood(one.client, one.destination, read),
          failUnderFlood(other.destination, other.client, read),
        ])),
      );
    }
    expect(failures.filter((failure) => failure !== "ECONNRESET")).toEqual([]);
    const endings = (await wire.closed()).map(({ ending }) => ending);
    expect(endings.filter((ending) => ending === "client reset")).toHaveLength(ROUNDS);
    expect(endings.filter((ending) => ending === "destination reset")).toHaveLength(ROUNDS);
    await wire.finish();
  });

/** What stops the flood that `far` sends to `near`, which resets after it has read some of it. */
async function failUnderFlood(near: RawSocket, far: RawSocket, read: number): Promise<unknown> {
  const flood = far.pour(FLOOD);
  await near.read(read);
  await near.arrival();
  near.reset();
  const { failure } = await flood;
  far.close();
  return failure;
}
