import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type Entry, ROUTES, throughRelays } from "./route.ts";
import { IMAGE, startDocker } from "./start-docker.ts";
import {
  describeParts,
  hashOfFile,
  type PartServer,
  run,
  sharedResources,
  succeed,
  temporaryFolder,
  TEST_TIMEOUT_MS,
  writeNoise,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const NOISE_BYTES = 20_000_000;
const RUN = ["run", "--rm", "--network=none", "--interactive"];

// Attached streams are one HTTP connection that becomes a stream of bytes, with a half-close.
await describeParts(
  "Docker",
  ["dockerd", "docker", "containerd", "busybox", "tar", "unshare"],
  () => {
    const resources = sharedResources();
    let folder: string;
    let server: PartServer;
    let noise: string;

    beforeAll(async () => {
      folder = await temporaryFolder(resources);
      server = await startDocker(folder, resources);
      noise = join(folder, "noise");
      await writeNoise(noise, NOISE_BYTES);
    });

    for (const route of ROUTES) {
      const through = (use: (docker: readonly string[]) => Promise<void>) =>
        throughRelays(route, server, folder, (entry) => use(["docker", `--host=${url(entry)}`]));

      test(`run: the input to its end, the output, errors and the status: ${route}`, async () => {
        const got = join(folder, `printed through ${route}`);
        await through(async (docker) => {
          const script = "cat; echo end >&2; exit 7";
          const command = [...docker, ...RUN, IMAGE, "sh", "-c", script];
          const outcome = await run(command, { stdin: Bun.file(noise), stdout: got });
          expect(outcome).toMatchObject({ status: 7, stderr: "end\n" });
        });
        expect(await hashOfFile(got)).toBe(await hashOfFile(noise));
      });

      test(`exec: the input to its end; cp, both ways: ${route}`, async () => {
        const got = join(folder, `copied through ${route}`);
        await through(async (docker) => {
          const id = await start(docker, ["sleep", "1000"]);
          const exec = [...docker, "exec", "--interactive", id, "sh", "-c"];
          const write = run([...exec, "cat > /written; exit 9"], { stdin: Bun.file(noise) });
          expect(await write).toMatchObject({ status: 9 });
          await succeed([...docker, "cp", noise, `${id}:/copied`]);
          await succeed([...exec, "cmp /copied /written"]);
          await succeed([...docker, "cp", `${id}:/copied`, got]);
          await succeed([...docker, "rm", "--force", id]);
        });
        expect(await hashOfFile(got)).toBe(await hashOfFile(noise));
      });

      test(`logs of a container until its end: ${route}`, async () => {
        await through(async (docker) => {
          const id = await start(docker, ["sh", "-c", "echo begun; sleep 1; echo ended"]);
          const logs = await run([...docker, "logs", "--follow", id]);
          expect(logs).toMatchObject({ status: 0, stdout: "begun\nended\n" });
          await succeed([...docker, "rm", id]);
        });
      });
    }
  },
);

/** Starts a container and returns its id. */
async function start(docker: readonly string[], command: readonly string[]): Promise<string> {
  const options = ["--detach", "--network=none"];
  return (await succeed([...docker, "run", ...options, IMAGE, ...command])).trim();
}

function url(entry: Entry): string {
  return entry.kind === "unix" ? `unix://${entry.path}` : `tcp://127.0.0.1:${entry.port}`;
}
