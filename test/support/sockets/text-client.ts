import { join } from "node:path";

/** A listener in a folder that sends back what it gets. */
export function echoIn(folder: string): { readonly path: string } & Disposable {
  const path = join(folder, "echo");
  const listener = Bun.listen({
    unix: path,
    socket: { data: (socket, bytes) => void socket.write(bytes) },
  });
  return { path, [Symbol.dispose]: () => listener.stop(true) };
}

/** A client that knows what it was sent, and when it is over. */
export async function connectText(address: string) {
  let received = "";
  let woken = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const [host = "", port = ""] = address.split(":");
  const socket = {
    data(_: unknown, bytes: Uint8Array) {
      received += Buffer.from(bytes).toString();
      woken.resolve();
      woken = Promise.withResolvers();
    },
    close: () => closed.resolve(),
  };
  const client = address.includes("/")
    ? await Bun.connect({ unix: address, socket })
    : await Bun.connect({ hostname: host, port: Number(port), socket });
  return {
    client,
    closed: closed.promise,
    async answers(text: string) {
      received = "";
      client.write(text);
      while (received !== text) await woken.promise;
    },
  };
}
