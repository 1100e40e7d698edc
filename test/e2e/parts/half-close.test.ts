import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import type { Socket } from "node:net";
import { join } from "node:path";
import { startListener } from "./listener.ts";
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

const QUESTION_BYTES = 8 << 20;
/** How long the server thinks after it has read the question to its end. */
const THINKING_MS = 2000;

/** Programs that send their input, shut down writing and wait for the answer. */
const ASKERS: Record<string, (entry: Entry) => string[]> = {
  // Without -t it waits half a second for the answer, with any server.
  socat: (entry) => ["socat", "-t", "30", "-", socatAddress(entry)],
  nc: (entry) =>
    entry.kind === "unix"
      ? ["nc", "-N", "-U", entry.path]
      : ["nc", "-N", "127.0.0.1", `${entry.port}`],
};

for (const [program, asker] of Object.entries(ASKERS))
  await describeParts(`half-close by ${program}`, [program], () => {
    const resources = sharedResources();
    let folder: string;
    let server: PartServer;

    beforeAll(async () => {
      folder = await temporaryFolder(resources);
      await writeNoise(join(folder, "question"), QUESTION_BYTES);
      server = await startListener(folder, resources, think);
    });

    for (const route of ROUTES)
      test(`the answer comes ${THINKING_MS} ms after the question's end: ${route}`, async () => {
        const question = Bun.file(join(folder, "question"));
        await throughRelays(route, server, folder, async (entry) => {
          const start = performance.now();
          const answer = await succeed(asker(entry), { stdin: question });
          expect(answer).toBe(`${await hashOfFile(join(folder, "question"))}\n`);
          expect(performance.now() - start).toBeGreaterThanOrEqual(THINKING_MS - 1);
        });
      });
  });

await describeParts("one-way transfers by socat -u", ["socat"], () => {
  const resources = sharedResources();
  let folder: string;

  beforeAll(async () => {
    folder = await temporaryFolder(resources);
    await writeNoise(join(folder, "file"), QUESTION_BYTES);
  });

  test.each(ROUTES)("a sender that leaves behind its last byte: %s", async (route) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using connections = new AsyncDisposableStack();
    const server = await startListener(folder, connections, (client) => {
      resolve(hashOfClient(client).finally(() => client.end()));
    });
    await throughRelays(route, server, folder, async (entry) => {
      const file = join(folder, "file");
      await succeed(["socat", "-u", `OPEN:${file}`, socatAddress(entry)]);
      expect(await promise).toBe(await hashOfFile(file));
    });
  });

  test.each(ROUTES)("a server that talks and leaves: %s", async (route) => {
    const got = join(folder, "got");
    await using connections = new AsyncDisposableStack();
    const server = await startListener(folder, connections, (client) => {
      Bun.file(join(folder, "file"))
        .bytes()
        .then((bytes) => client.end(bytes))
        .catch((error: Error) => client.destroy(error));
      client.resume();
    });
    await throughRelays(route, server, folder, async (entry) => {
      await succeed(["socat", "-u", socatAddress(entry), "-"], { stdout: got });
    });
    expect(await hashOfFile(got)).toBe(await hashOfFile(join(folder, "file")));
  });
});

function socatAddress(entry: Entry): string {
  return entry.kind === "unix"
    ? `UNIX-CONNECT:${entry.path}`
    : `TCP4-CONNECT:127.0.0.1:${entry.port}`;
}

/** Reads to the end of the stream, thinks, answers with the hash of what it read, and ends. */
function think(client: Socket): void {
  hashOfClient(client)
    .then(async (hash) => {
      await Bun.sleep(THINKING_MS);
      client.end(`${hash}\n`);
    })
    .catch((error: Error) => client.destroy(error));
}

async function hashOfClient(client: Socket): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  client.on("data", (chunk) => hasher.update(chunk));
  await once(client, "end");
  return hasher.digest("hex");
}
