import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { connectEcho, type EchoClient, startEcho } from "../../support/sockets/echo.ts";
import { until } from "../../support/waiting.ts";
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
