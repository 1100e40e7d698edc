import { afterAll, beforeAll, expect, test } from "bun:test";
import { DIRECTIONS, Wire } from "../../fidelity/directions.ts";
import { countFromHere, executable } from "../../fidelity/relay-under-test.ts";
import { fail } from "../../fidelity/rows/failures.ts";
import { expectFailed, expectFailure, expectWhole } from "../../fidelity/rows/row.ts";
import { watchedByEpoll } from "../../support/process/proc.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { rawDescriptors } from "../../support/sockets/raw-descriptor.ts";
import type { RawSocket } from "../../support/sockets/raw-socket.ts";

// With so many busy connections the relay reads without Bun (crowd-of-small-chunks.ts): between two
// requests of one there are all the answers, and between two answers all the requests.
const CONNECTIONS = 40;
// Each direction joins the crowd at its sixteenth chunk.
const CHUNKS = 24;
const REQUEST = new Payload(100, 1);
const ANSWER = new Payload(200, 2);
const LAST = new Payload(1_000, 3);
const MUCH = new Payload(8 * 1024 * 1024, 4);
// More than all buffers on the way can hold.
const FLOOD = new Payload(256 * 1024 * 1024, 5);

beforeAll(countFromHere);
afterAll(() => expect([...rawDescriptors]).toEqual([]));

/** The ends of a connection, either way round. */
interface Ends {
  readonly near: RawSocket;
  readonly far: RawSocket;
}

/** What may happen to a connection of the crowd. */
const COURSES: readonly ((ends: Ends) => Promise<void>)[] = [
  async function endsOneSideAfterTheOther({ near, far }) {
    near.sendAtOnce(LAST);
    near.halfClose();
    expectWhole(await far.readToEnd(), LAST);
    far.sendAtOnce(LAST);
    far.close();
    expectWhole(await near.readToEnd(), LAST);
  },
  async function closes({ near, far }) {
    near.sendAtOnce(LAST);
    near.close();
    expectWhole(await far.readToEnd(), LAST);
  },
  async function closesWithUnreadBytes({ near, far }) {
    far.sendAtOnce(ANSWER);
    await near.arrival();
    near.sendAtOnce(LAST);
    near.close();
    await expectFailure(far, await far.readToEnd(), LAST, LAST.length);
  },
  async function fails({ near, far }) {
    far.sendAtOnce(ANSWER);
    await near.arrival();
    fail(near);
    await expectFailed(far, (await far.readToEnd()).ending);
  },
  async function sendsMuch({ near, far }) {
    const [{ sent }, received] = await Promise.all([near.pour(MUCH), far.read(MUCH.length)]);
    expect(sent).toBe(MUCH.length);
    expect(received).toEqual(MUCH.received());
    await exchange({ near, far });
  },
  async function isNotReadForAWhile({ near, far }) {
    const sent = await near.fill(FLOOD);
    expect(await far.read(sent)).toEqual(FLOOD.received(sent));
    await exchange({ near, far });
  },
];

/** A request and its answer. */
async function exchange({ near, far }: Ends): Promise<void> {
  near.sendAtOnce(REQUEST);
  expect(await far.read(REQUEST.length)).toEqual(REQUEST.received());
  far.sendAtOnce(ANSWER);
  expect(await near.read(ANSWER.length)).toEqual(ANSWER.received());
}

test.each(DIRECTIONS)("many busy connections, $name: each ends as it ends alone", async (way) => {
  await using wire = await Wire.open(executable, way);
  const all: Ends[] = [];
  for (let count = 0; count < CONNECTIONS; count += 1) {
    const { client, destination } = await wire.ends();
    all.push({ near: client, far: destination });
  }
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) await Promise.all(all.map(exchange));
  const { pid } = wire.relay;
  if (pid === null) throw new Error("the executable runs in a process of its own");
  // One more descriptor is the watch's own (epoll-in-event-loop.ts).
  expect(watchedByEpoll(pid)).toContain(2 * CONNECTIONS + 1);

  await Promise.all(
    all.map(({ near, far }, index) => {
      const course = COURSES[index % COURSES.length];
      // Every second time round it is the destination that begins.
      const turned = Math.floor(index / COURSES.length) % 2 === 1;
      return course?.(turned ? { near: far, far: near } : { near, far });
    }),
  );
  await wire.finish();
});
