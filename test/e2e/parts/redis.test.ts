import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { startRedis } from "./start-redis.ts";
import { ROUTES, throughRelays, type Entry } from "./route.ts";
import {
  describeParts,
  hashOfFile,
  sharedResources,
  succeed,
  temporaryFolder,
  writeNoise,
  type PartServer,
  TEST_TIMEOUT_MS,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const VALUE_BYTES = 100_000_000;

await describeParts("redis", ["redis-server", "redis-cli", "redis-benchmark"], () => {
  const resources = sharedResources();
  let folder: string;
  let server: PartServer;

  beforeAll(async () => {
    folder = await temporaryFolder(resources);
    server = await startRedis(folder, resources);
    await writeNoise(join(folder, "value"), VALUE_BYTES);
  });

  for (const route of ROUTES) {
    test(`redis-benchmark, 50 clients: ${route}`, async () => {
      await throughRelays(route, server, folder, async (entry) => {
        await benchmark(entry, 50_000, []);
        await benchmark(entry, 200_000, ["-P", "16"]);
      });
    });

    test(`redis-benchmark, a new connection a request: ${route}`, async () => {
      await throughRelays(route, server, folder, async (entry) => {
        await benchmark(entry, 2000, ["-k", "0"]);
      });
    });

    test(`a value of 100 MB, set and got: ${route}`, async () => {
      const value = join(folder, "value");
      const got = join(folder, "got");
      await throughRelays(route, server, folder, async (entry) => {
        const cli = ["redis-cli", ...where(entry)];
        expect(await succeed([...cli, "-x", "SET", "value"], { stdin: Bun.file(value) })).toBe(
          "OK\n",
        );
        await succeed([...cli, "--raw", "GET", "value"], { stdout: got });
      });
      // redis-cli ends every answer with a line feed.
      expect(Bun.file(got).size).toBe(VALUE_BYTES + 1);
      await truncate(got, VALUE_BYTES);
      expect(await hashOfFile(got)).toBe(await hashOfFile(value));
      await rm(got);
    });
  }

  /** Runs SET and GET and asks the server, past the relay, how many of each it answered. */
  async function benchmark(entry: Entry, requests: number, options: string[]): Promise<void> {
    const direct = ["redis-cli", "-s", server.path];
    await succeed([...direct, "CONFIG", "RESETSTAT"]);
    await succeed([
      "redis-benchmark",
      ...where(entry),
      ...["-c", "50", "-n", `${requests}`, "-t", "set,get", "-d", "100", "-q"],
      ...options,
    ]);
    const stats = await succeed([...direct, "INFO", "commandstats"]);
    for (const command of ["set", "get"])
      expect(stats).toMatch(
        new RegExp(`cmdstat_${command}:calls=${requests},.*,rejected_calls=0,failed_calls=0`),
      );
  }
});

function where(entry: Entry): string[] {
  return entry.kind === "unix" ? ["-s", entry.path] : ["-h", "127.0.0.1", "-p", `${entry.port}`];
}
