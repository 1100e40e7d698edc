import { describe, expect, test } from "bun:test";
import { readAddresses } from "../../../../src/cli/line/read-addresses.ts";
import { checkSource, readValues } from "../../../../src/cli/line/option-values.ts";
import { UsageError } from "../../../../src/cli/line/usage-error.ts";
import { readCommandLine } from "../../../../src/cli/line/read-command-line.ts";
import { planUnits } from "../../../../src/cli/units/plan-units.ts";
import { DEFAULTS } from "../../../../src/relay/options.ts";

const RUN = "/run/app/socket";
const TCP = "127.0.0.1:8080";

/** The way of a command line of `units` to what it wants. */
function read(...args: readonly string[]) {
  const { command, given, words } = readCommandLine(["units", ...args]);
  const values = readValues(command, given);
  const addresses = readAddresses(words);
  checkSource(values, addresses.source);
  return planUnits(addresses, values, given, "/bin/relay");
}

describe("what is wanted", () => {
  test("has the options of the relay that were given, in the table's order", () => {
    expect(
      read("--log-level=debug", "--access-log", RUN, "--backlog", "5", TCP, "--keepalive=90s"),
    ).toEqual({
      name: "relay-app",
      program: "/bin/relay",
      source: { kind: "unix", path: RUN },
      destination: { kind: "tcp", host: "127.0.0.1", port: 8080 },
      socket: false,
      file: {},
      options: ["--keepalive=90s", "--backlog=5", "--log-level=debug", "--access-log"],
      seesUsers: true,
      backlog: 5,
      drainTimeout: DEFAULTS.drainTimeout,
    });
  });

  test("has the permissions of the file apart, as given", () => {
    expect(read("--socket", "--group=0", "--mode=0660", "--owner=root", RUN, TCP)).toMatchObject({
      file: { mode: "0660", owner: "root", group: "0" },
      options: [],
      socket: true,
    });
  });

  test("has what the units alone are told", () => {
    expect(
      read(
        "--service=app.service",
        "--name=x",
        "--user=daemon",
        "--admin=localhost:9100",
        RUN,
        TCP,
      ),
    ).toMatchObject({
      service: "app.service",
      name: "x",
      user: "daemon",
      admin: { kind: "tcp", host: "127.0.0.1", port: 9100 },
      options: ["--admin=localhost:9100"],
    });
  });

  test.each([
    [["--allow-users=0"], true],
    [["--allow-groups=0"], true],
    [["--proxy-protocol=v2"], true],
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
    expect(read("--owner=1", "--user=1", RUN, TCP).file.owner).toBe("1");
  });
});

describe("refused, with the reason and the mend:", () => {
  test.each<[string[], string]>([
    [["systemd", TCP], "SOURCE must be an address: with --socket systemd listens there"],
    [["fd:3", TCP], "SOURCE must be an address"],
    [["--socket", "systemd", TCP], "SOURCE must be an address"],
    [["127.0.0.1:0", TCP], "SOURCE needs a port"],
    [["./x", TCP], `SOURCE is relative, and a unit has no folder: write ${process.cwd()}/x`],
    [[RUN, "./x"], `DESTINATION is relative, and a unit has no folder: write ${process.cwd()}/x`],
    [["--admin=./x", RUN, TCP], "--admin is relative"],
    [["/run/a\nb/x", TCP], "SOURCE has a control character"],
    [[TCP, "@a\tb"], "DESTINATION has a control character"],
    [["/run/x", TCP], "SOURCE: only root makes files in /run; write /run/NAME/socket, or add"],
    [["/run/../x", TCP], "SOURCE: only root makes files in /;"],
    [["--admin=/run/x", RUN, TCP], "--admin: only root makes files in /run"],
    [["--socket", "localhost:80", TCP], "--socket: systemd listens on no name: write SOURCE as"],
    [["--socket", "/run/a/x ", TCP], "--socket: no unit carries a SOURCE that ends in a space"],
    [["--socket", "@x\\", TCP], "--socket: no unit carries a SOURCE that ends in a space or a b"],
    [["--socket", "--admin=/run/app/admin", RUN, TCP], "--admin: its folder goes with the relay"],
    [["--exit-idle-time=5", RUN, TCP], "--exit-idle-time needs --socket"],
    [["--owner=1", RUN, TCP], "--owner: only root gives a file away, and the relay is not root"],
    [["--owner=1", "--user=2", RUN, TCP], "add --socket, for systemd to make it, or --user=1"],
    [["--mode=0660", TCP, RUN], "--mode makes sense only where SOURCE is a Unix socket's path"],
    [["--service=relay-x.service", "--name=relay-x", RUN, TCP], "--name: relay-x.service is the s"],
    [["--name=root", RUN, TCP], "--name: root is a user or group of this system"],
    [["--name=x.service", RUN, TCP], "has a suffix; the units get theirs by themselves"],
    [["--name=a/b", RUN, TCP], '"a/b" is no unit\'s name'],
    [["--name=-x", RUN, TCP], '"-x" is no unit\'s name'],
    [["--name=a:b", RUN, TCP], '"a:b" is no unit\'s name'],
    [["--name=x@", RUN, TCP], '"x@" is no unit\'s name'],
    [[`--name=${"x".repeat(248)}`, RUN, TCP], "is no unit's name"],
    [["--service=app", RUN, TCP], '"app" is no service; write NAME.service'],
    [["--service=app.socket", RUN, TCP], '"app.socket" is no service'],
    [["--service=app@.service", RUN, TCP], '"app@.service" is no service'],
    [["--service=a b.service", RUN, TCP], '"a b.service" is no service'],
    [["--service=../x.service", RUN, TCP], '"../x.service" is no service'],
    [["--user=root", RUN, TCP], "--user: a relay needs no root"],
    [["--user=0", RUN, TCP], "--user: a relay needs no root"],
    [["--user=nobody", RUN, TCP], "--user: nobody is for no service"],
    [["--user=a b", RUN, TCP], '"a b" is no user\'s name or number'],
    [["--output=/no/such", RUN, TCP], '"/no/such" is no folder'],
    [["--output=/dev/null", RUN, TCP], '"/dev/null" is no folder'],
    [["--force", RUN, TCP], "--force makes sense only with --output"],
    [["--connect-timeout=5m", RUN, TCP], '--connect-timeout: "5m" is no time'],
    [["--version", RUN, TCP], "--version is no option of units"],
    [["--hold", RUN, TCP], "--hold is no option of units"],
    [[RUN], "DESTINATION is missing"],
    [[RUN, RUN], "DESTINATION is SOURCE"],
    [["--admin=@x", RUN, "@x"], "--admin is DESTINATION"],
  ])("%j", (args, message) => {
    expect(() => read(...args)).toThrow(UsageError);
    expect(() => read(...args)).toThrow(message);
  });
});

test("a port inside a service's network is another than the host's of that number", () => {
  expect(() => read("--socket", TCP, TCP)).toThrow(UsageError);
  expect(read("--socket", "--service=app.service", TCP, TCP).destination).toMatchObject({
    port: 8080,
  });
});
