import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CURL, startNginx, UPSTREAM_SOCKET } from "./nginx.ts";
import { ROUTES, throughRelays, type Entry } from "./route.ts";
import {
  describeParts,
  hashOfFile,
  run,
  sharedResources,
  succeed,
  temporaryFolder,
  writeNoise,
  type PartServer,
  TEST_TIMEOUT_MS,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const LARGE_BYTES = 300 << 20;
const UPLOAD_BYTES = 100 << 20;
// Longer than any buffer on the way of a relay that stops reading.
const REFUSAL_BYTES = 2 << 20;

await describeParts("nginx and curl", ["nginx", "curl"], () => {
  const resources = sharedResources();
  let folder: string;
  let server: PartServer;

  beforeAll(async () => {
    folder = await temporaryFolder(resources);
    server = await startNginx(folder, resources);
    await writeNoise(join(folder, "files/large"), LARGE_BYTES);
    await writeNoise(join(folder, "files/refused"), REFUSAL_BYTES);
    await writeNoise(join(folder, "upload"), UPLOAD_BYTES);
    resources.use(chunkingUpstream(join(folder, UPSTREAM_SOCKET), join(folder, "upload")));
  });

  for (const route of ROUTES) {
    test(`a download of 300 MB: ${route}`, async () => {
      await throughRelays(route, server, folder, async (entry) => {
        const got = join(folder, "got");
        await succeed([...curl(entry), "http://relay/files/large"], { stdout: got });
        expect(await hashOfFile(got)).toBe(await hashOfFile(join(folder, "files/large")));
        await rm(got);
      });
    });

    for (const [what, expectHeader] of [
      ["at once", "Expect:"],
      ["before 100 Continue", "Expect: 100-continue"],
    ] as const)
      test(`an upload refused ${what}, the answer read whole: ${route}`, async () => {
        await throughRelays(route, server, folder, async (entry) => {
          for (let round = 1; round <= 5; round++) {
            const got = join(folder, "got");
            const outcome = await run([
              ...curl(entry),
              ...["-H", expectHeader, "-T", join(folder, "upload")],
              ...["-o", got, "-w", "%{http_code} %{size_download}"],
              "http://relay/small/upload",
            ]);
            expect(outcome).toEqual({ status: 0, stdout: `413 ${REFUSAL_BYTES}`, stderr: "" });
            expect(await hashOfFile(got)).toBe(await hashOfFile(join(folder, "files/refused")));
            await rm(got);
          }
        });
      });

    test(`20 requests on one connection: ${route}`, async () => {
      await throughRelays(route, server, folder, async (entry) => {
        const requests = Array<string>(20).fill("http://relay/files/hello");
        const output = await succeed([...curl(entry), "-w", "%{num_connects}\n", ...requests]);
        expect(output).toBe("hello\n1\n" + "hello\n0\n".repeat(19));
      });
    });

    test(`a chunked upload: ${route}`, async () => {
      await throughRelays(route, server, folder, async (entry) => {
        const code = await succeed(
          [...curl(entry), "-T", "-", "-w", "%{http_code}", "http://relay/files/put"],
          { stdin: Bun.file(join(folder, "upload")) },
        );
        expect(code).toBe("201");
        const put = join(folder, "files/put");
        expect(await hashOfFile(put)).toBe(await hashOfFile(join(folder, "upload")));
        await rm(put);
      });
    });

    test(`a chunked download: ${route}`, async () => {
      await throughRelays(route, server, folder, async (entry) => {
        const [got, headers] = [join(folder, "got"), join(folder, "headers")];
        await succeed([...curl(entry), "-D", headers, "-o", got, "http://relay/upstream/"]);
        expect(await Bun.file(headers).text()).toMatch(/^transfer-encoding: chunked\r$/im);
        expect(await hashOfFile(got)).toBe(await hashOfFile(join(folder, "upload")));
        await Promise.all([rm(got), rm(headers)]);
      });
    });
  }
});

function curl(entry: Entry): string[] {
  return entry.kind === "unix"
    ? [...CURL, "--unix-socket", entry.path]
    : [...CURL, "--connect-to", `relay:80:127.0.0.1:${entry.port}`];
}

/**
 * An HTTP server that gives a file without saying how long it is, which HTTP/1.1 does in chunks.
 */
function chunkingUpstream(path: string, file: string): AsyncDisposable {
  async function* pieces() {
    yield* Bun.file(file).stream();
  }
  const server = Bun.serve({ unix: path, fetch: () => new Response(pieces()) });
  return { [Symbol.asyncDispose]: () => server.stop(true) };
}
