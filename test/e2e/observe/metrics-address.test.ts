import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type RunningRelay,
  runRelay,
  startRelay,
  turnedAway,
} from "../../support/process/executable.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { ask, metricsOf, statusOf } from "./admin.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("metrics-address", (path) => void (folder = path));

const PATHS = ["/metrics", "/healthz", "/readyz"];

/** The address of the metrics, as the log has it. */
function metricsAddress(relay: RunningRelay): string {
  return String(entriesOf(relay.stderr(), "metrics")[0]?.["address"]);
}

describe("--metrics", () => {
  test.each([
    ["a loopback port", () => "127.0.0.1:0", /^127\.0\.0\.1:[1-9]\d*$/],
    ["a port of every interface", () => ":0", /^:[1-9]\d*$/],
    ["a path", () => join(folder, "metrics"), /^\/.*\/metrics$/],
  ])("on %s answers three paths, whatever the Host, and no other", async (_, asked, shown) => {
    const args = [`--metrics=${asked()}`, join(folder, "source"), "127.0.0.1:9"];
    await using relay = await startRelay(args);
    const address = metricsAddress(relay);
    expect(address).toMatch(shown);
    for (const host of ["localhost", "example.com", "10.0.0.1:9100", "localhost:99999", ""]) {
      for (const path of PATHS)
        expect(await ask(address, path, { headers: { host } })).toMatchObject({ status: 200 });
      for (const path of ["/", "/status", "/status?limit=1", "/metrics/", "/favicon.ico"])
        expect(await ask(address, path, { headers: { host } })).toMatchObject({
          status: 404,
          text: "nothing is here; there are /metrics, /healthz, /readyz\n",
        });
    }
    expect((await metricsOf(address)).get("ready")).toBe(1);
    expect(await relay.stop()).toBe(0);
    await expect(ask(address, "/healthz")).rejects.toThrow();
  });

  test("says once that others on the network can read it", async () => {
    const options = ["--metrics=0.0.0.0:0", "--admin=127.0.0.1:0"];
    await using relay = await startRelay([...options, join(folder, "source"), "127.0.0.1:9"]);
    const warnings = entriesOf(relay.stderr(), "not_loopback");
    expect(warnings).toMatchObject([
      { level: "warn", message: expect.stringMatching(/^0\.0\.0\.0:\d+ is not loopback: /) },
    ]);
  });

  test("says what --admin says, and answers although the destination is gone", async () => {
    const options = ["--metrics=127.0.0.1:0", `--admin=${join(folder, "admin")}`];
    await using relay = await startRelay([...options, join(folder, "source"), "127.0.0.1:9"]);
    await turnedAway({ unix: relay.address });
    const address = metricsAddress(relay);
    expect(await ask(address, "/readyz")).toMatchObject({
      status: 503,
      text: (await ask(join(folder, "admin"), "/readyz")).text,
    });
    expect((await metricsOf(address)).get("connections_total")).toBe(1);
  });

  test.each([
    [["--metrics=systemd", "./a", ":1"], "is inherited"],
    [["--metrics=:x", "./a", ":1"], "--metrics"],
    [["--metrics=./a", "./a", ":1"], "--metrics is SOURCE"],
    [["--metrics=:1", "./a", ":1"], "--metrics is DESTINATION"],
    [["--metrics=@x", "--admin=@x", "./a", ":1"], "--metrics is --admin"],
  ])("%j is a usage error", async (args, reason) => {
    const { code, stderr } = await runRelay(args);
    expect(stderr).toContain(reason);
    expect(code).toBe(64);
  });

  test("that is another's port is refused, by its name", async () => {
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const metrics = `127.0.0.1:${other.port}`;
    const { code, stderr } = await runRelay([
      `--metrics=${metrics}`,
      join(folder, "source"),
      "127.0.0.1:9",
    ]);
    other.stop(true);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot listen on ${metrics}: `);
    expect(stderr).toContain("choose another address for --metrics");
  });
});

describe("two relays of one process", () => {
  const file = () => join(folder, "relays.toml");
  const start = () => {
    writeFileSync(
      file(),
      `admin = "${join(folder, "admin")}"
       metrics = "127.0.0.1:0"
       [relay.web]
       source = "${join(folder, "web")}"
       destination = "127.0.0.1:9"
       [relay.mail]
       source = "${join(folder, "mail")}"
       destination = "${join(folder, "missing")}"
       connections-max = 7`,
    );
    return startRelay([`--config=${file()}`]);
  };

  test("have series, states and a status each", async () => {
    await using relay = await start();
    await turnedAway({ unix: join(folder, "mail") });
    const { text } = await ask(metricsAddress(relay), "/metrics");
    const source = (name: string) => `source="${join(folder, name)}"`;
    for (const line of [
      `info{relay="web",${source("web")},destination="127.0.0.1:9"} 1`,
      `info{relay="mail",${source("mail")},destination="${join(folder, "missing")}"} 1`,
      'ready{relay="web"} 1',
      'ready{relay="mail"} 0',
      'connections_total{relay="web"} 0',
      'connections_total{relay="mail"} 1',
      'connections_max{relay="mail"} 7',
      'connections_failed_total{relay="mail",reason="ENOENT"} 1',
      'connections_failed_total{relay="web",reason="ENOENT"} 0',
      'connection_duration_seconds_count{relay="mail"} 1',
    ])
      expect(text).toContain(`\nsimpletcpunixrelay_${line}\n`);

    const admin = join(folder, "admin");
    const relays = [
      { name: "web", ready: true },
      { name: "mail", ready: false },
    ];
    expect(await statusOf(admin)).toMatchObject({
      relay: "web",
      relays,
      source: join(folder, "web"),
    });
    expect(await statusOf(admin, "?relay=mail")).toMatchObject({
      ...{ relay: "mail", relays, ready: false },
      connections: { total: 1, max: 7 },
    });
    expect(await ask(admin, "/status?relay=nobody")).toMatchObject({
      status: 400,
      text: 'there is no relay "nobody"; there are web, mail\n',
    });
    expect((await ask(admin, "/readyz")).text).toMatch(/^not ready: mail: .* cannot reach /);
  });

  test("take their metrics address along when they are reloaded", async () => {
    await using relay = await start();
    const address = metricsAddress(relay);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    expect(entriesOf(relay.stderr(), "metrics").map((entry) => entry["address"])).toEqual([
      address,
      address,
    ]);
    expect(await ask(address, "/healthz")).toMatchObject({ status: 200 });
    await relay.stop();
  });
});
