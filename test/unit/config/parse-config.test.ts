import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "../../../src/config/parse-config.ts";
import { DEFAULTS } from "../../../src/relay/options.ts";

const room = join(import.meta.dir, "../../../src/config");

/** The plan of a text. */
function read(...lines: readonly string[]) {
  return parseConfig("x.toml", lines.join("\n"));
}

const WEB = ["[relay.web]", 'source = "/run/web"', 'destination = "127.0.0.1:2"'];

describe("a file says", () => {
  test("relays in its order, with their names and addresses", () => {
    const { relays } = read(...WEB, "[relay.db]", 'source = ":5432"', 'destination = "@db"');
    expect(relays.map(({ name, source, destination }) => ({ name, source, destination }))).toEqual([
      {
        name: "web",
        source: { kind: "unix", path: "/run/web" },
        destination: { kind: "tcp", host: "127.0.0.1", port: 2 },
      },
      {
        name: "db",
        source: { kind: "tcp", host: "", port: 5432 },
        destination: { kind: "abstract", name: "db" },
      },
    ]);
  });

  test("what each relay has of its own, of [defaults] and by default", () => {
    const { relays } = read(
      ...WEB,
      'connect-timeout = "1s"',
      "[relay.db]",
      ...WEB.slice(1).map((line) => line.replace("/web", "/db")),
      "[defaults]",
      'connect-timeout = "2s"',
      "connections-max = 7",
    );
    expect(relays.map(({ settings }) => settings)).toMatchObject([
      { connectTimeout: 1_000, connectionsMax: 7, keepalive: DEFAULTS.keepalive },
      { connectTimeout: 2_000, connectionsMax: 7, keepalive: DEFAULTS.keepalive },
    ]);
    for (const { settings } of relays) expect(settings.mode).toBeUndefined();
  });

  test("what concerns the whole process", () => {
    const { processWide } = read(
      ...["workers = 'auto'", 'log-level = "warn"', 'admin = "@admin"', "access-log = true"],
      ...WEB,
    );
    expect(processWide).toMatchObject({
      workers: "auto",
      logLevel: "warn",
      logFormat: "auto",
      accessLog: true,
      admin: { kind: "abstract", name: "admin" },
      drainTimeout: DEFAULTS.drainTimeout,
    });
  });

  test("the options for the status, as on a command line", () => {
    const { relays } = read("access-log = true", ...WEB, "allow-users = [0, 1000]", "backlog = 5");
    expect(relays[0]?.shownOptions).toMatchObject({
      "access-log": "true",
      "allow-users": "0,1000",
      backlog: "5",
      "connect-timeout": "5s",
      workers: "1",
    });
  });
});

test("the process' options can be given elsewhere, in place of the file's", () => {
  const plan = parseConfig(
    "x.toml",
    ['log-level = "warn"', ...WEB].join("\n"),
    new Map([["logLevel", { value: "debug", shown: "debug", at: null }]]),
  );
  expect(plan.processWide.logLevel).toBe("debug");
  expect(plan.relays[0]?.shownOptions["log-level"]).toBe("debug");
});

test("two relays may have one address in different network namespaces, and lead to it", () => {
  const { relays } = read(
    '[relay.a]\nsource = ":80"\ndestination = ":80"\ndestination-netns = "vpn"\n' +
      '[relay.b]\nsource = ":80"\ndestination = ":80"\nsource-netns = "vpn"\ndestination-netns = "lan"\n',
  );
  expect(relays.map(({ settings }) => settings.sourceNetns)).toEqual([undefined, "vpn"]);
});

test("two relays may have port 0 as their source: each gets a port of its own", () => {
  const relay = (name: string) => [`[relay.${name}]`, 'source = ":0"', 'destination = "@x"'];
  expect(read(...relay("a"), ...relay("b")).relays).toHaveLength(2);
});

test.each([
  ["127.0.0.1:1", "127.0.0.2:1"],
  ["127.0.0.1:1", "127.0.0.1:2"],
  ["0.0.0.0:1", "[::1]:1"],
  ["[fe80::1%eth0]:1", "[fe80::1%eth1]:1"],
  ["one.example:1", "other.example:1"],
  ["systemd:one", "systemd:other"],
  ["fd:3", "fd:4"],
  ["@one", "one/"],
])("%s and %s are two sources", (one, other) => {
  const path = other.endsWith("/") ? `${other}socket` : other;
  const relay = (name: string, source: string) => [
    ...[`[relay.${name}]`, `source = "${source}"`, 'destination = "@x"'],
  ];
  expect(read(...relay("a", one), ...relay("b", path)).relays).toHaveLength(2);
});

test("the example is right", () => {
  const { processWide, relays } = parseConfig(
    "example.toml",
    readFileSync(join(room, "example.toml"), "utf8"),
  );
  expect(processWide.logFormat).toBe("json");
  expect(relays.map(({ name }) => name)).toEqual(["web", "database"]);
});
