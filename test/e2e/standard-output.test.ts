import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executablePath } from "../support/process/executable.ts";
import { startWatched, type WatchedRelay } from "./observe/admin.ts";

setDefaultTimeout(60_000);

const NOT_WRITTEN = "cannot write to standard output";

let folder: string;
let relay: WatchedRelay;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "output-"));
  writeFileSync(join(folder, "relays.toml"), `[relay.a]\nsource = "./a"\ndestination = "./b"\n`);
  relay = await startWatched(["127.0.0.1:0", "127.0.0.1:9"], { admin: join(folder, "admin") });
});
afterAll(async () => {
  await relay.stop();
  rmSync(folder, { recursive: true });
});

/** Runs the executable in a shell that has prepared its standard output. */
async function runWith(prepare: string, line: string) {
  const script = `${prepare}; exec "$0" ${line}`;
  const child = Bun.spawn(["bash", "-c", script, await executablePath()], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const stderr = await new Response(child.stderr).text();
  return { code: await child.exited, stderr };
}

test.each([
  "--help",
  "--version",
  "help relay",
  "version",
  "check relays.toml",
  "completions zsh",
  "units /run/app/socket 127.0.0.1:9",
  "demo --hold",
  "status ./admin",
  "status --json ./admin",
  "status --check ./admin",
  "status --check --json ./nobody",
  "status --watch --json ./admin",
])("%s: an answer that cannot be written is a failure, and a line says why", async (line) => {
  expect(await runWith("exec >/dev/full", line)).toEqual({
    code: 1,
    stderr: `simpletcpunixrelay: ${NOT_WRITTEN}: no space left on device (ENOSPC)\n`,
  });
  // A reader that has closed its pipe wants no more, so there is no line about that.
  const closed = `mkfifo pipe; exec 3<>pipe 4>pipe 3<&- >&4 4>&-; rm pipe`;
  expect(await runWith(closed, line)).toEqual({ code: 1, stderr: "" });
  const none = { code: 1, stderr: `simpletcpunixrelay: ${NOT_WRITTEN}: it is closed\n` };
  expect(await runWith("exec >&-", line)).toEqual(none);
});

test.each(["--help", "version", "check relays.toml", "units /run/app/socket 127.0.0.1:9"])(
  "%s: an answer to /dev/null is no failure",
  async (line) => {
    expect((await runWith("exec >/dev/null", line)).code).toBe(0);
  },
);

test("without FFI a closed standard output is a failure as well", async () => {
  const prepare = "export BUN_JSC_useJIT=0; exec";
  const none = { code: 1, stderr: `simpletcpunixrelay: ${NOT_WRITTEN}: it is closed\n` };
  expect(await runWith(`${prepare} >&-`, "version")).toEqual(none);
  expect(await runWith(`${prepare} >/dev/null`, "version")).toEqual({ code: 0, stderr: "" });
});
