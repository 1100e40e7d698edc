import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { PartServer } from "./support.ts";

/**
 * A server of the test's own, for what no program of the system does on demand. Its connections
 * stay half open until it ends them itself.
 */
export async function startListener(
  folder: string,
  owner: AsyncDisposableStack,
  serve: (client: Socket) => void,
): Promise<PartServer> {
  const path = join(folder, `${randomUUID()}.sock`);
  const listen = async (where: { host: string; port: number } | { path: string }) => {
    const server = owner.use(createServer({ allowHalfOpen: true }, serve));
    server.listen(where);
    await once(server, "listening");
    return server;
  };
  await listen({ path });
  const address = (await listen({ host: "127.0.0.1", port: 0 })).address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return { port: address.port, path };
}
