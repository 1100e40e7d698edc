import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeNetwork, type Network, networkNeeds } from "../../support/machine/network.ts";
import { describeNeeding } from "../../support/machine/parts.ts";
import { startRelay } from "../../support/process/executable.ts";
import { startProgram } from "../../support/process/program.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { eventually, startWatched, statusOf } from "../observe/admin.ts";

// A peer on another host that is there no more, and cannot say so.

const FLOOD = new Payload(256 * 1024 * 1024);

// The shortest there is: a second, then six probes a second apart.
const KEEPALIVE = "--keepalive=1s";
const KEEPALIVE_LENGTH = 7_000;
// Without an end of the relay's own the kernel takes a quarter of an hour.
const PATIENCE = 60_000;

function folder(owner: AsyncDisposableStack): string {
  const path = mkdtempSync(join(tmpdir(), "vanished-"));
  owner.defer(() => rmSync(path, { recursive: true }));
  return path;
}

/** Opens a connection between the test and the far host; gives the test's end. */
type Connect = () => Promise<RawSocket>;

/** Runs a script on the far host. It ends with its standard input. */
function onFarHost({ far }: Network, script: string, owner: AsyncDisposableStack) {
  const child = startProgram([...far.prefix, process.execPath, "-e", script], {});
  owner.defer(async () => void (await child.finish()));
  return child;
}

/** Clients on the far host that never read, whose relay has its destination here. */
async function farClients(network: Network, owner: AsyncDisposableStack): Promise<Connect> {
  const path = join(folder(owner), "destination");
  const listener = owner.use(new RawListener({ kind: "unix", path }));
  const { prefix, address } = network.near;
  const relay = owner.use(await startRelay([KEEPALIVE, `${address}:0`, path], { prefix }));
  const port = Number(relay.address.split(":")[1]);
  const clients = onFarHost(
    network,
    `const socket = { open: (socket) => socket.pause(), data() {} };
     for await (const _ of console)
       await Bun.connect({ hostname: "${address}", port: ${port}, socket });
     process.exit(0);`,
    owner,
  );
  return async () => {
    await clients.say("connect");
    return owner.use(await listener.accept());
  };
}

/** A destination on the far host that never reads, whose relay has its source here. */
async function farDestination(network: Network, owner: AsyncDisposableStack): Promise<Connect> {
  const path = join(folder(owner), "source");
  const { prefix } = network.near;
  const { address } = network.far;
  const server = onFarHost(
    network,
    `const socket = {
       open(socket) { socket.pause(); console.log("accepted"); },
       data() {},
     };
     const { port } = Bun.listen({ hostname: "${address}", port: 0, socket });
     console.log(port);
     for await (const _ of console);
     process.exit(0);`,
    owner,
  );
  const port = await server.line();
  owner.use(await startRelay([KEEPALIVE, path, `${address}:${port}`], { prefix }));
  return async () => {
    const client = owner.use(await RawSocket.connect({ kind: "unix", path }));
    await server.line();
    return client;
  };
}

const PEERS = [
  { peer: "client", far: farClients },
  { peer: "destination", far: farDestination },
] as const;

const WAYS = [
  { how: "whose plug is pulled", vanish: (network: Network) => network.unplug() },
  { how: "that drops what arrives", vanish: (network: Network) => network.forget() },
] as const;

await describeNeeding("a peer on another host", networkNeeds, () => {
  test.concurrent.each(PEERS.flatMap((peer) => WAYS.map((way) => ({ ...peer, ...way }))))(
    "a $peer $how: its connection ends, idle, with bytes unacknowledged, or with a full window",
    async ({ far, vanish }) => {
      await using owner = new AsyncDisposableStack();
      const network = owner.use(await makeNetwork());
      const connect = await far(network, owner);
      const [idle, unacknowledged, full] = [await connect(), await connect(), await connect()];
      await full.fill(FLOOD);
      await vanish(network);
      unacknowledged.sendAtOnce(new Payload(1_000));
      const since = performance.now();
      const time = async (end: RawSocket) => {
        await end.hangUp(PATIENCE);
        return performance.now() - since;
      };
      const times = await Promise.all([time(idle), time(unacknowledged), time(full)]);
      expect(Math.min(...times)).toBeGreaterThan(0.8 * KEEPALIVE_LENGTH);
    },
    2 * PATIENCE,
  );

  test.concurrent(
    "what had arrived from it is passed on, also if its destination reads only afterwards",
    async () => {
      await using owner = new AsyncDisposableStack();
      const network = owner.use(await makeNetwork());
      const path = join(folder(owner), "destination");
      const listener = owner.use(new RawListener({ kind: "unix", path }));
      const { prefix, address } = network.near;
      const options = { prefix, admin: `${path} of the admin` };
      const relay = owner.use(await startWatched([KEEPALIVE, `${address}:0`, path], options));
      const port = Number(relay.address.split(":")[1]);
      const client = onFarHost(
        network,
        `import { Payload } from "${import.meta.resolve("../../support/sockets/payload.ts")}";
         import { RawSocket } from "${import.meta.resolve("../../support/sockets/raw-socket.ts")}";
         const socket = { open: (socket) => socket.pause(), data() {} };
         const { fd } = await Bun.connect({ hostname: "${address}", port: ${port}, socket });
         const client = new RawSocket(fd, "client", true);
         const sent = await client.fill(new Payload(${FLOOD.length}));
         console.log(sent - client.unsent);
         for await (const _ of console);
         process.exit(0);`,
        owner,
      );
      const arrived = Number(await client.line());
      const destination = owner.use(await listener.accept());
      await network.unplug();
      destination.sendAtOnce(new Payload(1_000));
      await eventually(
        "the end of the client",
        () => statusOf(relay.admin),
        ({ open }) => open.list[0]?.state === "closing",
        PATIENCE,
      );
      const { ending, ...stream } = await destination.readToEnd();
      expect(stream).toEqual(FLOOD.received(arrived));
      expect(ending).toBe("end");
    },
    2 * PATIENCE,
  );
});
