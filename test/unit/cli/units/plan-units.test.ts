import { describe, expect, test } from "bun:test";
import { homedir } from "node:os";
import { UsageError } from "../../../../src/cli/line/usage-error.ts";
import { DEFAULTS } from "../../../../src/relay/options.ts";
import {
  RELAY_OPTION_NAMES,
  RELAY_OPTIONS,
} from "../../../../src/options/types-and-ranges-of-relay-options.ts";
import { INSTANCE_PORT } from "../../../../src/systemd/units/specifiers.ts";
import { read, RUN, TCP } from "./planned-units.ts";

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

test("a port inside a service's network is another than the host's of that number", () => {
  expect(() => read(TCP, TCP)).toThrow(UsageError);
  expect(read("--service=app.service", TCP, TCP).destination).toMatchObject({
    port: 8080,
  });
});
