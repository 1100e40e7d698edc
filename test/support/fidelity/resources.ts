import { expect } from "bun:test";
import type { Wire } from "../directions.ts";
import { Payload } from "../payload.ts";
import { tcpSockets } from "../proc.ts";
import { until } from "../waiting.ts";
import { SMALL_BUFFERS } from "./backpressure.ts";
import { eitherEnd, expectWhole, type Row } from "./row.ts";

const FLOOD = 256 * 1024 * 1024;

const QUIET_MS = 1_000;
// Two ticks of the kernel's clock: of the processor's second, 2 %.
const CPU_MOST = 0.02;

/** Options of the sockets. */
export const optionRows: readonly Row[] = [
  {
    name: "keepalive is set on TCP legs",
    settings: { keepalive: 7_000 },
    async run(wire) {
      await wire.ends();
      const inTime = (seconds: number | null) => seconds !== null && seconds > 3 && seconds < 7.5;
      await until(
        () => keepaliveOf(wire).filter(inTime).length === tcpLegs(wire),
        () => `keepalive timers, which are ${JSON.stringify(keepaliveOf(wire))}`,
      );
    },
  },

  {
    name: "keepalive of 0 sends no probes",
    settings: { keepalive: 0 },
    async run(wire) {
      const { client, destination } = await wire.ends();
      // By the time that bytes come through, both legs have what options they get.
      client.sendAtOnce(new Payload(1));
      await destination.arrival();
      expect(keepaliveOf(wire)).toEqual(Array<null>(tcpLegs(wire)).fill(null));
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

async function expectQuiet({ relay }: Wire): Promise<void> {
  const before = relay.cpu();
  await Bun.sleep(QUIET_MS);
  const after = relay.cpu();
  if (before === null || after === null) throw new Error("needs a relay in its own process");
  expect(after - before).toBeLessThanOrEqual(CPU_MOST);
}

function tcpLegs({ direction }: Wire): number {
  return [direction.source, direction.destination].filter((kind) => kind === "tcp").length;
}

/** Seconds to the next probe of each of the relay's TCP sockets. */
function keepaliveOf({ relay, listener }: Wire): (number | null)[] {
  const own = relay.endpoint.kind === "tcp" ? relay.endpoint.port : null;
  const target = listener.endpoint.kind === "tcp" ? listener.endpoint.port : null;
  return tcpSockets()
    .filter(({ remotePort }) => remotePort !== 0)
    .filter(({ localPort, remotePort }) => localPort === own || remotePort === target)
    .map(({ keepalive }) => keepalive);
}
