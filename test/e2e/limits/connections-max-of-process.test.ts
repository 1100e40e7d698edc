import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { connectEcho, type EchoClient, startEcho } from "../../support/sockets/echo.ts";
import { until } from "../../support/waiting.ts";
import { ask, eventually, statusOf } from "../observe/admin.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

const TOGETHER = 6;
const OF_A = 4;

let folder: string;
folderForEachTest("limits", (path) => void (folder = path));

/** A client, and whether it was answered. */
interface Visitor {
  readonly client: EchoClient;
  isServed: boolean;
}

async function visit(address: string): Promise<Visitor> {
  const visitor: Visitor = { client: await connectEcho(address), isServed: false };
  void visitor.client.ask("hello").then(
    () => (visitor.isServed = true),
    () => {},
  );
  return visitor;
}

const served = (visitors: readonly Visitor[]) => visitors.filter(({ isServed }) => isServed).length;

test.each([
  ["one thread", 1, {}],
  ["three threads", 3, {}],
  ["without FFI", 1, { BUN_JSC_useJIT: "0" }],
])("connections-max of a process is for all its relays: %s", async (_, workers, env) => {
  using server = startEcho();
  const [a = "", b = "", c = ""] = ["a", "b", "c"].map((name) => join(folder, name));
  const file = join(folder, "relays.toml");
  const relay = (name: string, source: string) =>
    `[relay.${name}]\nsource = "${source}"\ndestination = "${server.address}"\n`;
  writeFileSync(
    file,
    `workers = ${workers}\nconnections-max = ${TOGETHER}\n` +
      `${relay("a", a)}connections-max = ${OF_A}\n${relay("b", b)}${relay("c", c)}`,
  );
  await using running = await startRelay([`--config=${file}`], { env });
  const listening = () => running.stderr().split('"event":"listening"').length - 1;
  await until(
    () => listening() === 3,
    () => running.stderr(),
  );
  // A relay that is full touches no other one.
  const ofA = await Promise.all(Array.from({ length: OF_A + 1 }, () => visit(a)));
  await until(() => served(ofA) === OF_A, "the places of a to be taken");
  const ofB = await Promise.all(Array.from({ length: 3 }, () => visit(b)));
  await running.logged(/"limit":"all_relays","open":6/);
  await until(() => served(ofB) === 2, "the places of the process to be taken");
  const ofC = await Promise.all(Array.from({ length: 2 }, () => visit(c)));

  // As each leaves, one that waits is served, and never more than there may be.
  const left = new Set<EchoClient>();
  const all = [...ofA, ...ofB, ...ofC];
  for (let gone = 1; gone <= all.length; gone += 1) {
    const leaver = all.find(({ isServed, client }) => isServed && !left.has(client));
    expect(leaver).toBeDefined();
    if (leaver === undefined) break;
    left.add(leaver.client);
    leaver.client[Symbol.dispose]();
    const wanted = Math.min(all.length, TOGETHER + gone);
    await until(
      () => served(all) >= wanted,
      () => `${served(all)} to be ${wanted} served after ${gone} left`,
    );
    expect(server.open).toBeLessThanOrEqual(TOGETHER);
  }
  expect(running.stderr().split('"limit":"all_relays"')).toHaveLength(2);
  expect(await running.stop()).toBe(0);
});

test.each([
  ["the top of the file, one thread", 1, []],
  ["the top of the file, four threads", 4, []],
  ["the limit of open files", 1, ["prlimit", "--nofile=64:64"]],
])("a limit that is not the relay's own is named as what it is: %s", async (_, workers, prefix) => {
  using server = startEcho();
  const [a = "", b = "", admin = ""] = ["a", "b", "admin"].map((name) => join(folder, name));
  const file = join(folder, "relays.toml");
  const relay = (name: string, source: string) =>
    `[relay.${name}]\nsource = "${source}"\ndestination = "${server.address}"\n`;
  const isOfFiles = prefix.length > 0;
  writeFileSync(
    file,
    `workers = ${workers}\nadmin = "${admin}"\n` +
      `connections-max = ${isOfFiles ? 1_000 : 1}\n${relay("a", a)}${relay("b", b)}`,
  );
  await using running = await startRelay([`--config=${file}`], { prefix });
  const listening = () => running.stderr().split('"event":"listening"').length - 1;
  await until(
    () => listening() === 2,
    () => running.stderr(),
  );
  const most = Number(/"connections_max":(\d+)/.exec(running.stderr())?.[1]);
  const clients = await Promise.all(Array.from({ length: most }, () => visit(a)));
  await until(() => served(clients) === most, "the places of the process to be taken");
  const limit = isOfFiles ? "open_files" : "all_relays";
  await running.logged(new RegExp(`"limit":"${limit}"`));
  const reason = isOfFiles ? "open_files" : "process_connections_max";
  const { accepting_paused: paused } = await eventually(
    "the pause of relay a",
    () => statusOf(admin, "?relay=a"),
    (status) => status.accepting_paused.length > 0,
  );
  expect(paused).toEqual([reason]);
  const { text } = await ask(admin, "/metrics");
  expect(text).toMatch(new RegExp(`accepting_paused\\{.*"a".*"${reason}".*\\} 1$`, "m"));
  // The log has one line about this limit, and none about an option that nobody set.
  expect(running.stderr().split('"event":"full"')).toHaveLength(2);
  expect(running.stderr()).not.toContain("(--connections-max)");
  for (const { client } of clients) client[Symbol.dispose]();
  expect(await running.stop()).toBe(0);
});
