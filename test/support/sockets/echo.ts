import type { Socket } from "bun";
import { parseAddress } from "../../../src/index.ts";

/** A service that sends back what it gets, and ends when its client does. */
export interface EchoServer extends Disposable {
  /** As a relay's destination. */
  readonly address: string;
  /** Clients that it has now. */
  readonly open: number;
}

/** Starts one on a loopback port or a path; messages are small, so nothing is held back. */
export function startEcho(path?: string): EchoServer {
  let open = 0;
  const socket = {
    open: () => void (open += 1),
    close: () => void (open -= 1),
    data: (client: Socket, bytes: Buffer) => void client.write(bytes),
  };
  if (path !== undefined) {
    const listener = Bun.listen({ unix: path, socket });
    return serverOf(path, () => open, listener);
  }
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  return serverOf(`127.0.0.1:${listener.port}`, () => open, listener);
}

function serverOf(
  address: string,
  count: () => number,
  listener: { stop(all: boolean): void },
): EchoServer {
  return {
    address,
    get open() {
      return count();
    },
    [Symbol.dispose]: () => listener.stop(true),
  };
}

/** A client that knows how it is going. */
export interface EchoClient extends Disposable {
  /** Settles when `text` has come back; rejects when the connection ends before. */
  ask(text: string): Promise<void>;
  /** Settles when the connection is over. */
  readonly closed: Promise<void>;
}

/** Connects to a relay, behind which a service echoes. */
export async function connectEcho(address: string): Promise<EchoClient> {
  const closed = Promise.withResolvers<void>();
  let wanted = 0;
  let answer = Promise.withResolvers<void>();
  const socket = {
    data(_client: Socket, bytes: Buffer) {
      wanted -= bytes.length;
      if (wanted === 0) answer.resolve();
    },
    close() {
      closed.resolve();
      answer.reject(new Error("the connection ended before the answer came"));
    },
  };
  const at = placeOf(address);
  const client = await ("unix" in at
    ? Bun.connect({ ...at, socket })
    : Bun.connect({ ...at, socket }));
  return {
    ask(text) {
      wanted = Buffer.byteLength(text);
      answer = Promise.withResolvers();
      client.write(text);
      return answer.promise;
    },
    closed: closed.promise,
    [Symbol.dispose]: () => client.end(),
  };
}

function placeOf(
  address: string,
): { readonly hostname: string; readonly port: number } | { readonly unix: string } {
  const endpoint = parseAddress(address, "destination");
  if (endpoint.kind === "tcp") return { hostname: endpoint.host, port: endpoint.port };
  return { unix: endpoint.kind === "unix" ? endpoint.path : `\0${endpoint.name}` };
}
