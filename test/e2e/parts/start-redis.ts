import { join } from "node:path";
import { type PartServer, startServer, succeed } from "./support.ts";

/** Starts a server on a free port and a Unix socket in `folder` that stores nothing. */
export function startRedis(folder: string, owner: AsyncDisposableStack): Promise<PartServer> {
  const path = join(folder, "redis.sock");
  return startServer(
    {
      command: async (port) => [
        "redis-server",
        ...["--bind", "127.0.0.1", "--port", `${port}`, "--unixsocket", path],
        ...["--dir", folder, "--save", "", "--appendonly", "no", "--daemonize", "no"],
      ],
      path: () => path,
      serves: async () => (await succeed(["redis-cli", "-s", path, "PING"])) === "PONG\n",
      stopSignal: "SIGTERM",
      log: join(folder, "redis.log"),
    },
    owner,
  );
}
