import { describe, expect, test } from "bun:test";
import { homedir } from "node:os";
import { checkAddresses, readValues } from "../../../../src/cli/line/typed-option-values.ts";
import { UsageError } from "../../../../src/cli/line/usage-error.ts";
import { readCommandLine } from "../../../../src/cli/line/parse-command-line.ts";
import { planUnits } from "../../../../src/cli/units/plan-units.ts";
import { readUnitAddresses } from "../../../../src/cli/units/read-unit-addresses.ts";
import { DEFAULTS } from "../../../../src/relay/options.ts";
import {
  RELAY_OPTION_NAMES,
  RELAY_OPTIONS,
} from "../../../../src/options/types-and-ranges-of-relay-options.ts";
import { INSTANCE_PORT } from "../../../../src/systemd/units/specifiers.ts";

const RUN = "/run/app/socket";
const TCP = "127.0.0.1:8080";

/** The way of a command line of `units` to what it wants. */
function read(...argv: readonly string[]) {
  const { command, given, args } = readCommandLine(["units", ...argv]);
  const values = readValues(command, given);
  const addresses = readUnitAddresses(args, values);
  checkAddresses(values, addresses);
  const { relays, ...plan } = planUnits(addresses, values, given, "/bin/relay");
  const [relay, ...others] = relays;
  if (relay === undefined || others.length > 0) throw new Error("one relay has one entry");
  return { ...plan, ...relay };
}

describe("what is wanted", () => {
  test("has the options of the relay that were given, in the table's order", () => {
    expect(
      read(
        "--no-socket",
        "--log-level=debug",
        "--access-log",
        RUN,
        "--backlog",
        "5",
        TCP,
        "--keepalive=90s",
      ),
    ).toEqual({
      serverDescriptors: 0,
      name: "relay-app",
      program: "/bin/relay",
      source: { kind: "unix", path: RUN },
      destination: { kind: "tcp", host: "127.0.0.1", port: 8080 },
      socket: false,
      file: {},
      options: [
        "--connect-retry=20s",
        "--keepalive=90s",
        "--backlog=5",
        "--log-level=debug",
        "--access-log",
      ],
      manager: "system",
      onDemand: false,
      freebind: false,
      supplementaryGroups: [],
      seesUsers: true,
      waits: true,
      backlog: 5,
      drainTimeout: DEFAULTS.drainTimeout,
    });
  });

  test("has the permissions of the file apart, as given", () => {
    expect(read("--group=0", "--mode=0660", "--owner=root", RUN, TCP)).toMatchObject({
      file: { mode: "0660", owner: "root", group: "0" },
      options: ["--connect-retry=20s"],
      socket: true,
    });
  });

  test("has what the units alone are told", () => {
    expect(
      read("--service=app", "--name=x", "--user=daemon", "--admin=localhost:9100", RUN, TCP),
    ).toMatchObject({
      service: "app.service",
      name: "x",
      user: "daemon",
      admin: { kind: "tcp", host: "127.0.0.1", port: 9100 },
      options: [
        "--connect-retry=20s",
        "--drain-timeout=2s",
        "--admin=localhost:9100",
        "--require-private-network",
        "--name=x",
      ],
      drainTimeout: 2_000,
    });
  });

  test.each([
    [["--allow-users=0"], true],
    [["--allow-groups=0"], true],
    [["--proxy-protocol=v2"], true],
    [["--connections-max-per-client=3"], true],
    [["--admin=@x"], true],
    [["--keepalive=5", "--log-level=debug"], false],
  ])("sees the users of clients with %j: %p", (options, seesUsers) => {
    expect(read(...options, RUN, TCP).seesUsers).toBe(seesUsers);
  });

  test("is called after the service, or after SOURCE", () => {
    expect(read("--service=db.service", RUN, TCP).name).toBe("relay-db");
    expect(read(RUN, TCP).name).toBe("relay-app");
  });

  test("lets an owner have the file where the relay is that user", () => {
    expect(read("--no-socket", "--owner=1", "--user=1", RUN, TCP).file.owner).toBe("1");
  });

  test("beside a service has what was given in place of what it would have", () => {
    const own = ["--connect-retry=0", "--drain-timeout=30s"];
    const plan = read("--service=app.service", ...own, RUN, TCP);
    expect(plan.options).toEqual([...own, "--require-private-network"]);
    expect(plan.drainTimeout).toBe(30_000);
  });

  test("on demand leaves when idle", () => {
    const plan = read("--service=app.service", "--on-demand=5min", RUN, TCP);
    expect(plan.options).toContain("--exit-idle-time=5min");
    expect(plan.onDemand).toBe(true);
  });

  test("has the groups of the relay's user, and of its admin address", () => {
    const groups = ["--supplementary-groups=a,b", "--supplementary-groups=4"];
    const admin = ["--admin=/run/a/admin", "--admin-mode=0660", "--admin-group=daemon"];
    const plan = read(...groups, ...admin, TCP, RUN);
    expect(plan.supplementaryGroups).toEqual(["a", "b", "4"]);
    expect(plan.adminGroup).toBe("daemon");
    expect(plan.options).toEqual(["--connect-retry=20s", ...admin]);
  });

  test.each<[string[]]>([
    [["--no-socket", "--group=0", "--admin=/run/a/admin", "--admin-mode=0600"]],
    [["--no-socket", "--group=0", "--admin=/run/a/admin", "--admin-group=0"]],
    [["--no-socket", "--group=0", "--admin=127.0.0.1:9100"]],
    [["--no-socket", "--admin=/run/a/admin"]],
    [["--group=0", "--admin=/run/a/admin"]],
  ])("has an admin socket that only known groups can open: %j", (options) => {
    const admin = options.filter((option) => option.startsWith("--admin"));
    expect(read(...options, RUN, TCP).options).toEqual(expect.arrayContaining(admin));
  });

  test("what only the binding of SOURCE needs goes to the .socket unit", () => {
    const file = ["--mode=0660", "--owner=0", "--group=0", "--directory-mode=0755"];
    expect(read(...file, RUN, TCP).options).toEqual(["--connect-retry=20s"]);
    const plan = read("--freebind", "192.0.2.1:80", TCP);
    expect(plan).toMatchObject({ options: ["--connect-retry=20s"], freebind: true });
    const own = read("--freebind", "--no-socket", "192.0.2.1:80", TCP);
    expect(own.options).toEqual(["--freebind", "--connect-retry=20s"]);
    // An option that is added here needs its place in the .socket unit. `checkSandbox` refuses
    // network namespaces.
    const ofSource = RELAY_OPTION_NAMES.filter((name) => {
      const constraint = RELAY_OPTIONS[name];
      const isBound = "sources" in constraint && !constraint.sources.includes("systemd");
      return isBound && name !== "sourceNetns";
    });
    expect(ofSource).toEqual(["mode", "owner", "group", "directoryMode", "freebind"]);
  });

  test("hands a relay its name, but not one that all instances of a template would have", () => {
    expect(read("--name=x", RUN, TCP).options).toContain("--name=x");
    expect(read(RUN, TCP).options).toEqual(["--connect-retry=20s"]);
    expect(read("--name=x@", "@%i", TCP).options).toEqual(["--connect-retry=20s"]);
  });

  test("in a template keeps the instance, as a port too", () => {
    const plan = read("--name=relay@", "--service=app@%i", "127.0.0.1:%i", "tcp:[::1]:%i");
    expect(plan.service).toBe("app@%i.service");
    expect(plan.source).toEqual({ kind: "tcp", host: "127.0.0.1", port: INSTANCE_PORT });
    expect(plan.destination).toEqual({ kind: "tcp", host: "::1", port: INSTANCE_PORT });
    expect(read("--name=relay@", "/run/%i/s:%i", TCP).source).toMatchObject({
      path: "/run/%i/s:%i",
    });
  });

  test.each<[string[]]>([
    [["--admin=/run/x-%i-admin/socket", "--metrics=@m-%I"]],
    [["--service=a@%i", "--admin=127.0.0.1:9100", "--metrics=:9101"]],
    [["--service=a@%i", "--admin=@a", "--metrics=@m"]],
  ])("in a template has servers of each instance: %j", (options) => {
    const plan = read("--name=x@", ...options, "/run/x-%i/socket", TCP);
    expect(plan.options).toEqual(expect.arrayContaining(options.slice(-2)));
  });

  test("with a user's manager has that user's folders as any user's", () => {
    const home = homedir();
    const runtime = process.env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`;
    const plan = read("--user-unit", `${runtime}/a/s`, `${home}/b/s`);
    expect(plan).toMatchObject({
      manager: "user",
      source: { path: "%t/a/s" },
      destination: { path: "%h/b/s" },
    });
    expect(read("--user-unit", "%t/a/s", TCP).source).toEqual({ kind: "unix", path: "%t/a/s" });
  });
});

describe("refused, with the reason and the mend:", () => {
  test.each<[string[], string]>([
    [["systemd", TCP], "SOURCE must be an address where a new socket can listen"],
    [["fd:3", TCP], "SOURCE must be an address"],
    [["--no-socket", "systemd", TCP], "SOURCE must be an address"],
    [["127.0.0.1:0", TCP], "SOURCE needs a port"],
    [
      ["./x", TCP],
      `SOURCE is relative, and a unit has no working folder: write ${process.cwd()}/x`,
    ],
    [
      [RUN, "./x"],
      `DESTINATION is relative, and a unit has no working folder: write ${process.cwd()}/x`,
    ],
    [["--admin=./x", RUN, TCP], "--admin is relative"],
    [["/run/a\nb/x", TCP], "SOURCE has a control character"],
    [[TCP, "@a\tb"], "DESTINATION has a control character"],
    [["--no-socket", "/run/x", TCP], "SOURCE: only root can make files in /run; write /run/NAME/"],
    [["--no-socket", "/x", TCP], "SOURCE: only root can make files in /;"],
    [["/run/../run/x/s", TCP], "SOURCE contains .., and systemd ignores such paths"],
    [[TCP, "/run/../x"], "in most settings: write /x"],
    [["--admin=/run/../run/x/s", RUN, TCP], "--admin contains .."],
    [["--user-unit", "%t/a/../s", TCP], "write the path without it"],
    [["--admin=/run/x", RUN, TCP], "--admin: only root can make files in /run"],
    [["--admin=/dev/app/admin", RUN, TCP], "--admin: the service has its own /dev (PrivateDevices"],
    [["--metrics=/dev//m", RUN, TCP], "so the socket cannot be in /dev; use a folder in /run"],
    [["--no-socket", "/dev/app/s", TCP], "SOURCE: the service has its own /dev"],
    [[TCP, "/dev/app/s"], "DESTINATION: the service has its own /dev"],
    [["localhost:80", TCP], "SOURCE: systemd cannot listen on a host name: write 127.0.0.1:PORT"],
    [["/run/a/x ", TCP], "SOURCE ends in a space or a backslash"],
    [["@x\\", TCP], "SOURCE ends in a space or a backslash; a .socket unit cannot"],
    [
      ["--admin=/run/app/admin", RUN, TCP],
      "--admin: systemd removes its folder when the relay stops",
    ],
    [
      ["--metrics=/run/app/metrics", RUN, TCP],
      "but SOURCE is in it; write --metrics=/run/relay-app-metrics/socket",
    ],
    [["--admin=/var/run/app/admin", RUN, TCP], "removes its folder when the relay stops, but SOU"],
    [["--admin=/run/app/admin", "/run/app/sub/s", TCP], "but SOURCE is in it"],
    [
      ["--admin=/run/db/admin", TCP, "/run/db/s"],
      "but DESTINATION is in it; write --admin=/run/relay-127.0.0.1-8080-admin/socket",
    ],
    [
      ["--metrics=/run/db/m-%i", "--name=x@", "@%i", "/run/db/s"],
      "but DESTINATION is in it; write --metrics=/run/x-%i-metrics/socket",
    ],
    [
      ["--user-unit", "--admin=%t/db/admin", TCP, "%t/db/s"],
      "write --admin=%t/relay-127.0.0.1-8080-admin/socket",
    ],
    [
      ["--no-socket", "/run/postgresql/x.sock", "/run/postgresql/.s.PGSQL.5432"],
      "SOURCE: systemd removes its folder when the relay stops, but DESTINATION is in it; use another folder, or leave out --no-socket",
    ],
    [
      ["--no-socket", "--exit-idle-time=5", RUN, TCP],
      "--exit-idle-time does not work with --no-socket",
    ],
    [
      ["--no-socket", "--owner=1", RUN, TCP],
      "--owner: only root can change a file's owner, and the",
    ],
    [["--no-socket", "--directory-mode=0755", "/srv/x/s", TCP], "systemd makes them only below"],
    [["--no-socket", "--owner=1", "--user=2", RUN, TCP], "leave out --no-socket, so that"],
    [
      ["--no-socket", "--group=0", "--admin=/run/a/admin", RUN, TCP],
      "add --admin-mode=0600, or --admin-group=0 to allow it",
    ],
    [["--mode=0660", TCP, RUN], "--mode makes sense only if SOURCE is a Unix socket's path"],
    [["--service=relay-x.service", "--name=relay-x", RUN, TCP], "--name: relay-x.service is the s"],
    [["--name=root", RUN, TCP], "--name: root is a user or group of this system"],
    [["--name=x.service", RUN, TCP], "has a suffix; leave it out, each unit gets its own"],
    [["--name=a/b", RUN, TCP], '"a/b" is not a unit name'],
    [["--name=-x", RUN, TCP], '"-x" is not a unit name'],
    [["--name=a:b", RUN, TCP], '"a:b" is not a unit name'],
    [["--name=x@y", RUN, TCP], '"x@y" is not a unit name'],
    [["--name=x@", RUN, TCP], "SOURCE needs %i, the instance"],
    [
      ["--name=x@", "--admin=/run/a/s", "@%i", TCP],
      "--admin needs %i, because each instance listens on its own address: write --admin=/run/x-%i-admin/socket",
    ],
    [["--name=x@", "--metrics=:9100", "@%i", TCP], "write --metrics=/run/x-%i-metrics/socket"],
    [["--user-unit", "--name=x@", "--admin=@a", "@%i", TCP], "write --admin=%t/x-%i-admin/socket"],
    [["--name=x@", "--service=a", "--metrics=:9100", "@%i", TCP], "--metrics needs %i"],
    [["--name=x@", "--service=a@%i", "--admin=/run/a/s", "@%i", TCP], "--admin needs %i"],
    [["--name=root@", "@%i", TCP], "--name: root is a user or group of this system"],
    [["--service=a@%i", RUN, TCP], "%i works only in a template: add --name=NAME@"],
    [["127.0.0.1:%i", TCP], "%i works only in a template"],
    [["--socket", RUN, TCP], '"--socket" is the default: leave it out'],
    [["--no-socket", "--on-demand=5", RUN, TCP], "--on-demand does not work with --no-socket"],
    [["--on-demand=5min", RUN, TCP], "--on-demand stops a service: add --service"],
    [["--on-demand=0.5", "--service=a", RUN, TCP], "--on-demand: "],
    [["--exit-idle-time=0.5", RUN, TCP], "--exit-idle-time needs at least 1s"],
    [
      ["--exit-idle-time=5", "--on-demand=5", "--service=a", RUN, TCP],
      "leave out --exit-idle-time",
    ],
    [["--supplementary-groups=a b", TCP, RUN], "is not a name or number"],
    [["--user-unit", "--service=a", "%t/x/s", TCP], "--service makes no sense with --user-unit"],
    [["--user-unit", "--user=daemon", "%t/x/s", TCP], "--user makes no sense with --user-unit"],
    [["--user-unit", "--owner=1", "%t/x/s", TCP], "--owner makes no sense with --user-unit"],
    [["--user-unit", "--supplementary-groups=a", "%t/x/s", TCP], "--supplementary-groups makes"],
    [["--user-unit", "127.0.0.1:80", TCP], "only root can listen on a port below 1024"],
    [
      ["--user-unit", "--admin=127.0.0.1:80", "%t/x/s", TCP],
      "--admin makes no sense with --user-unit: only root can listen on a port below 1024",
    ],
    [
      ["--user-unit", "--metrics=:1023", "%t/x/s", TCP],
      "--metrics makes no sense with --user-unit",
    ],
    [["--user-unit", "/run/x/s", TCP], "only root can make files in /run; write %t/NAME/socket"],
    [["%t/x/s", TCP], "SOURCE is relative"],
    [[`--name=${"x".repeat(248)}`, RUN, TCP], "is not a unit name"],
    [["--service=app@", RUN, TCP], '"app@" is not a service; write NAME.service'],
    [["--service=app.socket", RUN, TCP], '"app.socket" is not a service'],
    [["--service=app@.service", RUN, TCP], '"app@.service" is not a service'],
    [["--service=a b.service", RUN, TCP], '"a b.service" is not a service'],
    [["--service=../x.service", RUN, TCP], '"../x.service" is not a service'],
    [["--user=root", RUN, TCP], "--user: a relay does not need root"],
    [["--user=0", RUN, TCP], "--user: a relay does not need root"],
    [["--user=nobody", RUN, TCP], "--user: no service should run as nobody"],
    [["--user=a b", RUN, TCP], '"a b" is not a user\'s name or number'],
    [["--output=/no/such", RUN, TCP], '"/no/such" is not a folder'],
    // Without the name before it, `..` would lead to a folder.
    [["--output=/no-such/..", RUN, TCP], '"/no-such/.." is not a folder'],
    [["--output=/dev/null", RUN, TCP], '"/dev/null" is not a folder'],
    [["--force", RUN, TCP], "--force makes sense only with --output"],
    [["--connect-timeout=5m", RUN, TCP], '--connect-timeout: "5m" is not a time'],
    [["--version", RUN, TCP], "--version is not an option of units"],
    [["--hold", RUN, TCP], "--hold is not an option of units"],
    [[RUN], "DESTINATION is missing"],
    [[RUN, RUN], "DESTINATION is SOURCE"],
    [["--admin=@x", RUN, "@x"], "--admin is DESTINATION"],
  ])("%j", (args, message) => {
    expect(() => read(...args)).toThrow(UsageError);
    expect(() => read(...args)).toThrow(message);
  });
});

describe("taken, although another folder would be refused:", () => {
  test.each<[string, string[]]>([
    ["systemd makes the socket", ["/run/db/x", "/run/db/s"]],
    ["not below /run", ["--no-socket", "--admin=/srv/db/admin", "/srv/db/x", "/srv/db/s"]],
    ["in /dev/shm", ["--admin=/dev/shm/x/admin", TCP, "/dev/shm/s"]],
    ["in /dev, if systemd makes the socket", ["/dev/app/s", TCP]],
    ["in a folder below the file's", ["--admin=/run/db/relay/admin", TCP, "/run/db/s"]],
    ["in a user's runtime folder", ["--user-unit", "--admin=%t/db/admin", TCP, "/run/db/s"]],
  ])("%s", (_, args) => {
    expect(read(...args).program).toBe("/bin/relay");
  });
});

test("a port inside a service's network is another than the host's of that number", () => {
  expect(() => read(TCP, TCP)).toThrow(UsageError);
  expect(read("--service=app.service", TCP, TCP).destination).toMatchObject({
    port: 8080,
  });
});
