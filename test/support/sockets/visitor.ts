import { once } from "node:events";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { parseAddress } from "../../../src/index.ts";
import type { Need } from "../machine/parts.ts";
import { RawSocket } from "./raw-socket.ts";
import { encodeName, familyOf } from "./socket-name.ts";
import { errnoName, must, POLLOUT, system, SystemCallError } from "../process/system-calls.ts";
import { eventsOf } from "../waiting.ts";

/** That this machine can talk to itself by IPv6. */
export const ipv6Loopback: Need & { present(): boolean } = {
  name: "IPv6 on loopback",
  present: () => networkInterfaces()["lo"]?.some(({ address }) => address === "::1") === true,
};

/** That a process can be put into a user namespace of its own (unshare(1)). */
export const userNamespaces: Need = {
  name: "user namespaces",
  present: () =>
    Bun.which("unshare") !== null && Bun.spawnSync(["unshare", "--user", "true"]).exitCode === 0,
};

/** What a greeter says to whoever comes. */
export const GREETING = "hello";

/** A destination that greets and ends. */
export interface Greeter extends AsyncDisposable {
  readonly address: string;
  /** How many have come. */
  readonly visits: number;
}

/** Starts a greeter on loopback. */
export async function startGreeter(): Promise<Greeter> {
  let visits = 0;
  const server = createServer((socket) => {
    visits += 1;
    socket.on("error", () => socket.destroy());
    socket.end(GREETING);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return {
    address: `127.0.0.1:${address.port}`,
    get visits() {
      return visits;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/**
 * A client that is connected to a relay's TCP source from an address of loopback, or was: a relay
 * that refuses may be faster than this call.
 *
 * @param host - where to connect to, of a source that is every interface
 */
export async function connectFrom(
  from: string,
  address: string,
  host?: string,
): Promise<RawSocket> {
  const source = parseAddress(address, "destination");
  if (source.kind !== "tcp") throw new Error(`${address} is no TCP address`);
  const to = host === undefined ? source : { ...source, host };
  const fd = must("socket", system.socket(familyOf(to)));
  const socket = new RawSocket(fd, `client from ${from}`, true);
  must("bind", system.bind(fd, encodeName({ kind: "tcp", host: from, port: 0 })));
  const result = system.connect(fd, encodeName(to));
  if (result < 0 && errnoName(result) !== "EINPROGRESS")
    throw new SystemCallError("connect", errnoName(result));
  await eventsOf(fd, POLLOUT, "a connection to the relay");
  return socket;
}
