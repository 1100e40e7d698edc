import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { OWNER, startPostgres } from "./start-postgres.ts";
import { ROUTES, throughRelays, type Entry } from "./route.ts";
import {
  describeParts,
  sharedResources,
  succeed,
  temporaryFolder,
  type PartServer,
  TEST_TIMEOUT_MS,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

// libpq takes a folder and a port and makes a name of them.
const SOCKET_PORT = "5432";
const SOCKET_NAME = `.s.PGSQL.${SOCKET_PORT}`;
const ROWS = 55_000;
const PROGRAMS = ["postgres", "initdb", "psql", "pgbench", "pg_dump", "pg_restore", "setpriv"];

await describeParts("PostgreSQL", PROGRAMS, () => {
  const resources = sharedResources();
  let folder: string;
  let server: PartServer;
  let direct: string[];
  let checksum: string;

  beforeAll(async () => {
    folder = await temporaryFolder(resources);
    const cluster = join(folder, "cluster");
    await mkdir(cluster);
    if (process.getuid?.() === 0) await succeed(["chown", `${OWNER}:`, cluster]);
    server = await startPostgres(cluster, resources);
    direct = ["-h", cluster, "-p", `${server.port}`, "-U", "postgres"];
    await sql("postgres", "CREATE DATABASE original");
    // Every byte value, and a row whose text is about 1 kB on the wire.
    await sql(
      "original",
      `CREATE TABLE rows AS SELECT id,
         repeat(md5(id::text), 10) AS text,
         sha512(id::text::bytea) || sha512((-id)::text::bytea) ||
         sha512((id * 7)::text::bytea) || sha512((id * 11)::text::bytea) ||
         sha512((id * 13)::text::bytea) AS bytes
       FROM generate_series(1, ${ROWS}) AS id`,
    );
    checksum = await checksumOf("original");
  });

  for (const route of ROUTES) {
    test(`pgbench, 8 clients: ${route}`, async () => {
      await sql("postgres", "DROP DATABASE IF EXISTS bench");
      await sql("postgres", "CREATE DATABASE bench");
      await throughRelays(route, server, folder, pgbench, SOCKET_NAME);
    });

    test(`a dump of 50 MB and its restoring: ${route}`, async () => {
      await sql("postgres", "DROP DATABASE IF EXISTS restored");
      await sql("postgres", "CREATE DATABASE restored");
      await throughRelays(route, server, folder, dumpAndRestore, SOCKET_NAME);
      expect(await checksumOf("restored")).toBe(checksum);
    });
  }

  async function pgbench(entry: Entry): Promise<void> {
    await succeed(["pgbench", ...where(entry), "-i", "-s", "4", "-q", "bench"]);
    for (const options of [[], ["-S"], ["-S", "-C"]]) {
      const transactions = options.includes("-C") ? 50 : 400;
      const report = await succeed([
        "pgbench",
        ...where(entry),
        ...["-n", "-c", "8", "-j", "2", "-t", `${transactions}`],
        ...options,
        "bench",
      ]);
      expect(report).toContain(`actually processed: ${8 * transactions}/${8 * transactions}`);
      expect(report).toContain("number of failed transactions: 0 ");
    }
  }

  async function dumpAndRestore(entry: Entry): Promise<void> {
    const dump = join(folder, "dump");
    const format = ["--format=custom", "--compress=0"];
    await succeed(["pg_dump", ...where(entry), ...format, "--file", dump, "original"]);
    expect((await stat(dump)).size).toBeGreaterThan(50_000_000);
    await succeed(["pg_restore", ...where(entry), "--exit-on-error", "-d", "restored", dump]);
    await rm(dump);
  }

  /** Runs a statement past the relay. */
  function sql(database: string, statement: string): Promise<string> {
    return succeed(["psql", ...direct, "-X", "-q", "-A", "-t", "-c", statement, database]);
  }

  async function checksumOf(database: string): Promise<string> {
    const sum = await sql(
      database,
      "SELECT count(*), md5(string_agg(md5(rows::text), '' ORDER BY id)) FROM rows",
    );
    expect(sum).toStartWith(`${ROWS}|`);
    return sum;
  }
});

function where(entry: Entry): string[] {
  const [host, port] =
    entry.kind === "unix" ? [entry.folder, SOCKET_PORT] : ["127.0.0.1", `${entry.port}`];
  return ["-h", host, "-p", port, "-U", "postgres"];
}
