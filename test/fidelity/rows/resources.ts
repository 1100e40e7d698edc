import { expect } from "bun:test";
import type { Role, Wire } from "../directions.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { expectIdle } from "../../support/process/idle.ts";
import { tcpSocket } from "../../support/process/tcp-sockets.ts";
import type { RawSocket } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";
import { SMALL_BUFFERS } from "./backpressure.ts";
import { eitherEnd, expectWhole, type Row } from "./row.ts";

const FLOOD = 256 * 1024 * 1024;

/** Options of the sockets. */
export const optionRows: readonly Row[] = [
  {
    name: "keepalive is set on TCP legs",
    // The relay sets the keepalive of a destination at its first look at the connection.
    sleeps: true,
    where: ({ source, destination }) => source === "tcp" || destination === "tcp",
    settings: { keepalive: 7_000 },
    async run(wire) {
      const ends = await wire.ends();
      const inTime = (seconds?: number | null) =>
        typeof seconds === "number" && seconds > 3 && seconds < 7.5;
      await until(
        () => keepaliveOf(ends).every(inTime),
        () => `keepalive timers, which are ${JSON.stringify(keepaliveOf(ends))}`,
      );
    },
  },

  {
    name: "keepalive of 0 sends no probes",
    where: ({ source, destination }) => source === "tcp" || destination === "tcp",
    settings: { keepalive: 0 },
    async run(wire) {
      const ends = await wire.ends();
      // By the time that bytes come through, both legs have what options they get.
      ends.client.sendAtOnce(new Payload(1));
      await ends.destination.arrival();
      expect(keepaliveOf(ends).filter((seconds) => seconds !== null)).toEqual([]);
    },
  },
];

/** States in which nothing happens cost nothing; each takes a second to see. */
export const quietRows: readonly Row[] = [
  {
    name: "open connections on which nothing moves cost no processor time",
    async run(wire) {
      await Promise.all(Array.from({ length: 20 }, () => wire.ends()));
      await expectQuiet(wire);
    },
  },

  ...eitherEnd({
    name: "a % that stopped reading costs no processor time",
    buffers: SMALL_BUFFERS,
    async run({ near, far, wire }) {
      const payload = new Payload(FLOOD);
      const sent = await far.fill(payload);
      await expectQuiet(wire);
      far.halfClose();
      await expectQuiet(wire);
      expect(await near.readToEnd()).toEqual({ ...payload.received(sent), ending: "end" });
    },
  }),

  ...eitherEnd({
    name: "a % that half-closed costs no processor time",
    async run({ near, far, wire }) {
      near.halfClose();
      expectWhole(await far.readToEnd(), new Payload(0));
      await expectQuiet(wire);
      const payload = new Payload(FLOOD);
      const sent = await far.fill(payload);
      await expectQuiet(wire);
      far.halfClose();
      expect(await near.readToEnd()).toEqual({ ...payload.received(sent), ending: "end" });
    },
  }),

  ...eitherEnd({
    name: "a % that closed while its peer stays costs no processor time",
    async run({ near, far, wire }) {
      near.close();
      expectWhole(await far.readToEnd(), new Payload(0));
      await far.pour(new Payload(1_000));
      await expectQuiet(wire);
    },
  }),

  {
    name: "a destination that does not answer costs no processor time",
    backlog: 0,
    settings: { connectTimeout: 60_000 },
    async run(wire) {
      const unplug = await wire.plug();
      const client = await wire.connect();
      const payload = new Payload(1_000);
      client.sendAtOnce(payload);
      client.halfClose();
      await expectQuiet(wire);
      await unplug();
      const destination = await wire.accept();
      expectWhole(await destination.readToEnd(), payload);
    },
  },
];

/** Sees that the relay sleeps. */
function expectQuiet({ relay }: Wire): Promise<void> {
  return expectIdle(() => {
    const used = relay.cpu();
    if (used === null) throw new Error("needs a relay in its own process");
    return used;
  });
}

/** Seconds to the next probe of each of the relay's TCP sockets. */
function keepaliveOf(ends: Record<Role, RawSocket>): (number | null | undefined)[] {
  const legs = [ends.client, ends.destination].filter((end) => end.isTcp);
  return legs.map(({ ports: { own, peer } }) => tcpSocket(peer, own)?.keepalive);
}
