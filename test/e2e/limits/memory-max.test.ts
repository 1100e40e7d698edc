import { expect, test } from "bun:test";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { statusOf } from "../observe/admin.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

// A destination that does not answer: what its clients send is held in the relay.

const MIB = 1024 * 1024;
const MOST = 4 * MIB;
const CLIENTS = 120;
// Clients that come when the limit is reached, and so wait.
const LATE = 20;
// Each client before its destination has answered: until so much is held, and one read more.
const ONE_HOLDS_MOST = 1 * MIB;

const folder = folderForTests("memory-max");

test.each([1, 3])(
  "with %d workers: at --memory-max new clients wait, and all are served",
  async (workers) => {
    const listener = new RawListener(
      { kind: "unix", path: join(folder, `destination-${workers}`) },
      0,
    );
    const plug = await RawSocket.connect(listener.endpoint);
    const admin = join(folder, `admin-${workers}`);
    await using relay = await startRelay([
      "--memory-max=4M",
      "--connect-timeout=1min",
      `--workers=${workers}`,
      `--admin=${admin}`,
      "127.0.0.1:0",
      join(folder, `destination-${workers}`),
    ]);
    const status = () => statusOf(admin);
    const clients: RawSocket[] = [];
    const destinations: RawSocket[] = [];
    const sent = new Payload(300 * 1024);
    try {
      const port = Number(relay.address.split(":").at(-1));
      const sending: Promise<void>[] = [];
      const come = async (most: number) => {
        for (let count = 0; count < most; count += 1) {
          const client = await RawSocket.connect({ kind: "tcp", host: "127.0.0.1", port });
          clients.push(client);
          sending.push(client.send(sent).then(() => client.halfClose()));
        }
      };
      await come(CLIENTS);
      await relay.logged(/"limit":"memory"/);
      await come(LATE);
      const { connections, process } = await status();
      expect(process.held_bytes_max).toBe(MOST);
      expect(process.held_bytes).toBeGreaterThan(MOST / 2);
      expect(process.held_bytes).toBeLessThan(MOST + workers * ONE_HOLDS_MOST);
      expect(connections.open).toBeLessThan(CLIENTS + LATE);

      plug.close();
      (await listener.accept()).close();
      for (let count = 0; count < CLIENTS + LATE; count += 1) {
        const destination = await listener.accept();
        destinations.push(destination);
        const { ending, ...stream } = await destination.readToEnd();
        expect(ending).toBe("end");
        expect(stream).toEqual(sent.received());
        destination.close();
      }
      await Promise.all(sending);
      for (const client of clients) client.close();
      while ((await status()).connections.open > 0) await Bun.sleep(10);
      expect((await status()).process.held_bytes).toBe(0);
      expect(await relay.stop()).toBe(0);
    } finally {
      for (const end of [...clients, ...destinations, plug]) end.close();
      listener.close();
    }
  },
);
