import { expect, test } from "bun:test";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { executablePath } from "../../support/process/executable.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { ask, eventually, metricBecomes, metricsOf, statusOf } from "./admin.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("blocked-log", (path) => void (folder = path));

// Their lines are more than the 1 MiB that waits in the relay and the 64 KiB of a pipe.
const CONNECTIONS = 6_000;
const AT_ONCE = 50;

test("a log that nobody reads loses lines, which are counted, and no byte of a connection", async () => {
  using server = startEcho();
  const [source, admin, path] = ["source", "admin", "pipe"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  Bun.spawnSync(["mkfifo", path]);
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  const relay = Bun.spawn(
    [
      await executablePath(),
      ...["--access-log", "--log-format=json", `--admin=${admin}`, source, server.address],
    ],
    { env: {}, stderr: writer },
  );
  try {
    // It cannot say that it listens.
    const isReady = () =>
      ask(admin, "/readyz").then(
        ({ status }) => status === 200,
        () => false,
      );
    await eventually("the relay", isReady, (ready) => ready);
    await carry(source);
    const counted = await metricBecomes(admin, "connections_open", (open) => open === 0);
    const lost = counted.get("log_lines_dropped_total") ?? 0;
    expect(lost).toBeGreaterThan(0);
    expect((await statusOf(admin)).log_lines_dropped).toBe(lost);

    const entries = entriesOf(await readUntil(reader, /"event":"log_lost".*\n/));
    const events = (name: string) => entries.filter(({ event }) => event === name);
    expect(events("log_lost")).toMatchObject([{ level: "warn", lost }]);
    expect(events("access").length + lost).toBe(CONNECTIONS);
    expect(
      events("access").every(({ bytes_up: up, bytes_down: down }) => up === 5 && down === 5),
    ).toBe(true);
    expect((await metricsOf(admin)).get("log_lines_dropped_total")).toBe(lost);
    relay.kill("SIGTERM");
    expect(await relay.exited).toBe(0);
  } finally {
    relay.kill("SIGKILL");
    await relay.exited;
    for (const fd of [reader, writer]) closeSync(fd);
  }
});

/** Carries as many connections as are to be, and waits for the end of each. */
async function carry(source: string): Promise<void> {
  let left = CONNECTIONS;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const client = await connectEcho(source);
      await client.ask("hello");
      client[Symbol.dispose]();
      await client.closed;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** What comes out of a pipe, until it matches. */
async function readUntil(fd: number, pattern: RegExp): Promise<string> {
  const reader = Bun.file(fd).stream().getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!pattern.test(text.slice(-10_000))) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return text;
}
