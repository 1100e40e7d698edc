import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readValues } from "../../../../src/cli/line/typed-option-values.ts";
import { readCommandLine } from "../../../../src/cli/line/parse-command-line.ts";
import { UsageError } from "../../../../src/cli/line/usage-error.ts";
import { nextSteps } from "../../../../src/cli/units/next-steps.ts";
import { planFileUnits } from "../../../../src/cli/units/plan-file-units.ts";
import { ConfigError } from "../../../../src/config/config-error.ts";

// Not in /tmp, which a service has of its own.
const ELSEWHERE = "/dev/shm";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(ELSEWHERE, "units-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = join(folder, "app.toml");
  writeFileSync(file, text);
  return file;
}

function read(text: string, ...args: readonly string[]) {
  const { command, given } = readCommandLine(["units", ...args, `--config=${fileOf(text)}`]);
  const values = readValues(command, given);
  return planFileUnits(values.config ?? "", values, given, "/bin/relay");
}

function relay(name: string, source: string, destination: string, ...lines: string[]): string {
  return [
    `[relay.${name}]`,
    `source = "${source}"`,
    `destination = "${destination}"`,
    ...lines,
    "",
  ].join("\n");
}

const WEB = relay("web", "/run/web/socket", "127.0.0.1:8000", 'mode = "0660"', 'group = "0"');
const DB = relay("db", "127.0.0.1:5432", "/run/db/socket", "backlog = 9", "connections-max = 7");

describe("what is wanted of a file", () => {
  test("is one process with all its relays", () => {
    const plan = read(WEB + DB, "--log-level=debug");
    expect(plan).toMatchObject({
      name: "relay-app",
      config: join(folder, "app.toml"),
      options: ["--log-level=debug"],
      connectionsMax: 7,
      socket: true,
    });
    expect(plan.relays).toEqual([
      {
        name: "web",
        source: { kind: "unix", path: "/run/web/socket" },
        destination: { kind: "tcp", host: "127.0.0.1", port: 8000 },
        file: { mode: "0660", group: "0" },
        ...{ freebind: false, seesUsers: false, waits: false },
      },
      {
        name: "db",
        source: { kind: "tcp", host: "127.0.0.1", port: 5432 },
        destination: { kind: "unix", path: "/run/db/socket" },
        file: {},
        ...{ freebind: false, seesUsers: false, waits: false, backlog: 9 },
      },
    ]);
  });

  test("has what the file says of the whole process, and does not repeat it", () => {
    const top = 'admin = "/run/app-admin/s"\nadmin-group = "daemon"\ndrain-timeout = "20s"\n';
    const plan = read(`${top}[defaults]\nconnect-retry = "9s"\n${DB}`);
    expect(plan.admin).toEqual({ kind: "unix", path: "/run/app-admin/s" });
    expect(plan).toMatchObject({ adminGroup: "daemon", drainTimeout: 20_000, options: [] });
    expect(plan.relays[0]).toMatchObject({ seesUsers: true, waits: true });
  });

  test("names the units, and no relay, by --name", () => {
    const plan = read(DB, "--name=x");
    expect(plan.name).toBe("x");
    expect(plan.options).toEqual([]);
  });

  test("may lead from one relay to another in one folder of the process", () => {
    const chain = relay("a", "/run/x/a", "/run/x/b") + relay("b", "/run/x/b", "@b");
    expect(read(chain, "--no-socket").relays).toHaveLength(2);
  });

  test("joins a service, and stops it on demand", () => {
    const plan = read(WEB, "--service=web", "--on-demand=5min");
    expect(plan).toMatchObject({ service: "web.service", onDemand: true });
    expect(plan.options).toEqual([
      ...["--drain-timeout=2s", "--exit-idle-time=5min", "--require-private-network"],
    ]);
  });

  test("drains shortly beside a service, unless somebody chose how long", () => {
    expect(read(WEB, "--service=web").drainTimeout).toBe(2_000);
    const chosen = read(`drain-timeout = "8s"\n${WEB}`, "--service=web");
    expect(chosen.drainTimeout).toBe(8_000);
    expect(chosen.options).toEqual(["--require-private-network"]);
    const given = read(WEB, "--service=web", "--drain-timeout=3s");
    expect(given.drainTimeout).toBe(3_000);
    expect(given.options).toContain("--drain-timeout=3s");
    expect(read(WEB).drainTimeout).toBe(8_000);
  });

  test("has the limit of all relays together, and the descriptors of its servers", () => {
    const both = 'admin = "@a"\nmetrics = "@m"\n';
    expect(read(`connections-max = 50\n${both}${WEB}${DB}`)).toMatchObject({
      connectionsMax: 50,
      serverDescriptors: 70,
    });
    const given = read(`connections-max = 50\n${WEB}`, "--connections-max=60", "--admin=@a");
    expect(given).toMatchObject({ connectionsMax: 60, serverDescriptors: 35 });
    expect(given.options).toContain("--connections-max=60");
  });

  test("is brought to life by all its sockets, or by the service", () => {
    const steps = (outcome: "written" | "replaced", ...args: string[]) =>
      nextSteps(read(WEB + DB, "--name=x", ...args), "/etc/systemd/system", [
        { path: "/etc/systemd/system/x.service", outcome },
      ])
        .split("\n")
        .filter((line) => line.startsWith("  "))
        .map((line) => line.replace(/^ *(install .*)?/, ""))
        .filter((line) => line !== "");
    const sockets = "x-web.socket x-db.socket";
    expect(steps("written")).toEqual([
      "systemctl daemon-reload",
      `systemctl enable --now ${sockets}`,
    ]);
    // systemd starts no further socket of a service that runs.
    expect(steps("replaced")).toEqual([
      "systemctl daemon-reload",
      `systemctl stop x.service ${sockets}`,
      `systemctl enable --now ${sockets}`,
    ]);
    expect(steps("written", "--no-socket")).toEqual([
      "systemctl daemon-reload",
      "systemctl enable --now x.service",
    ]);
  });
});

describe("refused, with the relay, the reason and the mend:", () => {
  test.each<[string, string[], string]>([
    [relay("a", "systemd:a", "@x"), [], "relay a: SOURCE must be an address"],
    [relay("a", "localhost:80", "@x"), [], "relay a: SOURCE: systemd cannot listen on a host name"],
    [relay("a", "./x", "@x"), [], "relay a: SOURCE is relative"],
    [
      relay("a", "/run/x", "@x"),
      ["--no-socket"],
      "relay a: SOURCE: only root can make files in /run",
    ],
    [relay('"a@"', "/run/x", "@x"), [], "relay a@: a .socket unit cannot have @"],
    [DB, ["--name=x@"], "--name=NAME@ is a template, and the relays"],
    [DB, ["--service=app@%i"], "--service: %i is an instance, and the relays of a file have none"],
    [
      'admin = "/run/admin/socket"\n' + DB + WEB,
      ["--no-socket"],
      "--admin: with --no-socket its file has the group 0, too",
    ],
    [relay("a", "@a", "/dev/x/s"), [], "relay a: DESTINATION: the service has its own /dev"],
    [DB, ["--keepalive=5"], "--keepalive concerns one relay: write keepalive into the file"],
    [DB, ["--user-unit", "--service=a"], "--service makes no sense with --user-unit"],
    [DB, ["--on-demand=5min"], "--on-demand stops a service: add --service"],
    ['exit-idle-time = "5s"\n' + DB, ["--no-socket"], "--exit-idle-time does not work with --no-s"],
    [
      'metrics = "/run/web/metrics"\n' + WEB + DB,
      [],
      "--metrics: systemd removes its folder when the relay stops, but SOURCE of relay web is in it",
    ],
    [DB, ["--admin=/run/db/admin"], "but DESTINATION of relay db is in it; write --admin=/run/rel"],
    [
      relay("a", "/run/web/a", "@a") + relay("b", "@b", "/run/web/s"),
      ["--no-socket"],
      "SOURCE of relay a: systemd removes its folder when the relay stops, but DESTINATION of rel",
    ],
    [
      WEB + relay("b", "/run/b/s", "@b", 'group = "1"'),
      ["--no-socket"],
      "a service has one group for all its files",
    ],
  ])("%j with %j", (text, args, message) => {
    expect(() => read(text, ...args)).toThrow(UsageError);
    expect(() => read(text, ...args)).toThrow(message);
  });

  test("a file in /tmp, which is not the service's", () => {
    using temporary = new DisposableStack();
    const own = mkdtempSync("/tmp/units-");
    temporary.defer(() => rmSync(own, { recursive: true }));
    const file = join(own, "app.toml");
    writeFileSync(file, DB);
    const { given } = readCommandLine(["units", `--config=${file}`]);
    const plan = () => planFileUnits(file, readValues("units", given), given, "/bin/relay");
    expect(plan).toThrow("--config: the service has its own /tmp");
  });

  test("a wrong file, as check tells it", () => {
    expect(() => read("[relay.a]\n")).toThrow(ConfigError);
  });

  test("addresses beside the file", () => {
    expect(() => readCommandLine(["units", "--config=x", ":1", ":2"])).toThrow(
      "one argument too many",
    );
  });
});
