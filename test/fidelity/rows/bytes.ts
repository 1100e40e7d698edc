import { expect } from "bun:test";
import { literal, Payload } from "../../support/sockets/payload.ts";
import { until } from "../../support/waiting.ts";
import { eitherEnd, expectWhole, type Row } from "./row.ts";

const MIB = 1024 * 1024;

/** Sends bytes: all of them, in order, nothing else. */
export const byteRows: readonly Row[] = [
  {
    name: "8 MiB come back from a destination that echoes",
    async run(wire) {
      const { client, destination } = await wire.ends();
      const payload = new Payload(8 * MIB);
      const echo = (async () => {
        for (;;) {
          const received = await destination.receive();
          if (typeof received === "string") return received;
          await destination.send(literal(received));
        }
      })();
      const [stream] = await Promise.all([
        client.readToEnd(),
        client.send(payload).then(() => client.halfClose()),
        echo.then((ending) => {
          expect(ending).toBe("end");
          destination.halfClose();
        }),
      ]);
      expectWhole(stream, payload);
      await wire.idle();
      const [closed] = await wire.closed();
      expect(closed).toMatchObject({ ending: "finished", up: 8 * MIB, down: 8 * MIB });
    },
  },

  {
    name: "both ends stream 8 MiB at the same time",
    async run(wire) {
      const { client, destination } = await wire.ends();
      const up = new Payload(8 * MIB, 1);
      const down = new Payload(8 * MIB, 2);
      const [toDestination, toClient] = await Promise.all([
        destination.readToEnd(),
        client.readToEnd(),
        client.send(up).then(() => client.halfClose()),
        destination.send(down).then(() => destination.halfClose()),
      ]);
      expectWhole(toDestination, up);
      expectWhole(toClient, down);
    },
  },

  ...eitherEnd({
    name: "a % that writes single bytes: each arrives",
    async run({ near, far }) {
      const payload = new Payload(2_000);
      const reading = far.readToEnd();
      for (let offset = 0; offset < payload.length; offset += 1)
        await near.send(literal(payload.piece(offset, 1)));
      near.halfClose();
      expectWhole(await reading, payload);
    },
  }),

  {
    name: "ping and pong, 500 times",
    async run(wire) {
      const { client, destination } = await wire.ends();
      for (let round = 0; round < 500; round += 1) {
        const ping = new Payload(1 + (round % 64), round);
        client.sendAtOnce(ping);
        expect(await destination.read(ping.length)).toEqual(ping.received());
        destination.sendAtOnce(ping);
        expect(await client.read(ping.length)).toEqual(ping.received());
      }
    },
  },

  {
    name: "the destination speaks first",
    async run(wire) {
      const { client, destination } = await wire.ends();
      const greeting = new Payload(100);
      destination.sendAtOnce(greeting);
      expect(await client.read(greeting.length)).toEqual(greeting.received());
    },
  },

  {
    name: "many connections at once: each gets its own bytes",
    async run(wire) {
      const count = 200;
      const size = 10_000;
      const clients = await Promise.all(Array.from({ length: count }, () => wire.connect()));
      const destinations = await Promise.all(clients.map(() => wire.accept()));
      await until(() => wire.relay.open() === count, "all connections to be open");
      const answered = destinations.map(async (destination) => {
        // The first four bytes say who it is.
        const asked = await destination.receive(4);
        if (typeof asked === "string") throw new Error(`no request: ${asked}`);
        const index = new DataView(asked.buffer, asked.byteOffset).getUint32(0);
        expect(await destination.readToEnd()).toMatchObject({ length: size, ending: "end" });
        await destination.send(new Payload(size, count + index));
        destination.halfClose();
      });
      const asked = clients.map(async (client, index) => {
        const header = new Uint8Array(4);
        new DataView(header.buffer).setUint32(0, index);
        await client.send(literal(header));
        await client.send(new Payload(size, index));
        client.halfClose();
        expectWhole(await client.readToEnd(), new Payload(size, count + index));
      });
      await Promise.all([...answered, ...asked]);
      await wire.idle();
    },
  },

  {
    name: "connections without a byte come and go",
    async run(wire) {
      for (let round = 0; round < 50; round += 1) {
        const client = await wire.connect();
        client.close();
        const destination = await wire.accept();
        expect(await destination.readToEnd()).toMatchObject({ length: 0, ending: "end" });
        destination.close();
      }
      await wire.idle();
    },
  },
];
