import { join } from "node:path";
import { type PartServer, requirePart, run, startServer, succeed } from "./support.ts";

/** The user that Debian's package makes for PostgreSQL. */
export const OWNER = "postgres";

/** A cluster that forgets everything at a crash, which makes it fast, and trusts everybody. */
export async function startPostgres(
  folder: string,
  owner: AsyncDisposableStack,
): Promise<PartServer> {
  const data = join(folder, "data");
  const [initdb, postgres] = await Promise.all([asOwner("initdb"), asOwner("postgres")]);
  await succeed([
    ...initdb,
    ...["--pgdata", data, "--username=postgres", "--auth=trust"],
    ...["--encoding=UTF8", "--no-locale", "--no-sync"],
  ]);
  return startServer(
    {
      command: async (port) => [
        ...postgres,
        ...["-D", data, "-p", `${port}`, "-c", "listen_addresses=127.0.0.1"],
        ...["-c", `unix_socket_directories=${folder}`],
        ...["-c", "fsync=off", "-c", "max_wal_size=1GB"],
      ],
      path: (port) => join(folder, `.s.PGSQL.${port}`),
      serves: async ({ port }) =>
        (await run(["pg_isready", "-q", "-h", folder, "-p", `${port}`])).status === 0,
      // "Fast": ends the sessions that are left.
      stopSignal: "SIGINT",
      log: join(folder, "postgres.log"),
    },
    owner,
  );
}

/** PostgreSQL refuses to run as root; its package made a user for it. */
async function asOwner(program: string): Promise<string[]> {
  const path = await requirePart(program);
  return process.getuid?.() === 0
    ? ["setpriv", `--reuid=${OWNER}`, `--regid=${OWNER}`, "--init-groups", path]
    : [path];
}
