import { describe, expect, test } from "bun:test";
import { INSTANCE_PORT } from "../../../../src/systemd/units/specifiers.ts";
import { writeUnits } from "../../../../src/systemd/units/write-units.ts";
import { readUnit } from "./unit-reader.ts";
import {
  type Changes,
  JOINED,
  PROGRAM,
  relay,
  RUN,
  service,
  TCP,
  TEMPLATE,
  USERS,
  value,
  wanted,
} from "./wanted-units.ts";

describe("a service", () => {
  test.each<[string, string, Changes, string, string | undefined]>([
    // The process.
    [RUN, TCP, {}, "Service.Type", "notify"],
    [RUN, TCP, {}, "Service.ExecStart", `${PROGRAM} ${RUN} ${TCP}`],
    [
      RUN,
      TCP,
      { file: { mode: "0660", group: "adm" }, options: ["--keepalive=0"] },
      "Service.ExecStart",
      `${PROGRAM} --mode=0660 --group=adm --keepalive=0 ${RUN} ${TCP}`,
    ],
    [RUN, TCP, { program: "/opt/a b/x" }, "Service.ExecStart", `"/opt/a b/x" ${RUN} ${TCP}`],
    [RUN, TCP, {}, "Service.Restart", "on-failure"],
    [RUN, TCP, {}, "Service.WatchdogSec", "30s"],
    [RUN, TCP, {}, "Service.TimeoutStopSec", "15s"],
    [RUN, TCP, { drainTimeout: 500 }, "Service.TimeoutStopSec", "5.5s"],
    [RUN, TCP, {}, "Service.LimitNOFILE", "524288"],
    [RUN, TCP, { connectionsMax: 1_000_000 }, "Service.LimitNOFILE", "2000096"],
    [RUN, TCP, {}, "Unit.StartLimitIntervalSec", "0"],
    [RUN, TCP, {}, "Service.RestartPreventExitStatus", "64 78"],
    // The namespace of a service.
    [RUN, TCP, {}, "Unit.JoinsNamespaceOf", undefined],
    [RUN, TCP, {}, "Unit.After", undefined],
    [RUN, TCP, {}, "Install.WantedBy", "multi-user.target"],
    [RUN, TCP, {}, "Service.PrivateNetwork", undefined],
    [RUN, TCP, JOINED, "Unit.JoinsNamespaceOf", "app.service"],
    [RUN, TCP, JOINED, "Unit.BindsTo", "app.service"],
    [RUN, TCP, JOINED, "Unit.After", "app.service"],
    [RUN, TCP, JOINED, "Install.WantedBy", "app.service"],
    [RUN, TCP, JOINED, "Service.PrivateNetwork", "yes"],
    // The socket unit.
    [RUN, TCP, { socket: true }, "Unit.Requires", "relay-app.socket"],
    [RUN, TCP, { socket: true }, "Unit.After", "relay-app.socket"],
    [RUN, TCP, { socket: true, ...JOINED }, "Unit.After", "app.service relay-app.socket"],
    [RUN, TCP, { socket: true }, "Install.WantedBy", undefined],
    [RUN, TCP, { socket: true }, "Service.ExecStart", `${PROGRAM} systemd:source ${TCP}`],
    [RUN, TCP, { socket: true }, "Service.RuntimeDirectory", undefined],
    [
      RUN,
      TCP,
      { socket: true, file: { mode: "0600", group: "adm" }, options: ["--backlog=5"] },
      "Service.ExecStart",
      `${PROGRAM} --backlog=5 systemd:source ${TCP}`,
    ],
    // Specifiers.
    ["/run/%i/s", TCP, {}, "Service.ExecStart", `${PROGRAM} /run/%%i/s ${TCP}`],
    ["/run/%i/s", TCP, TEMPLATE, "Service.ExecStart", `${PROGRAM} /run/%i/s ${TCP}`],
    ["/run/%i/s", TCP, TEMPLATE, "Service.RuntimeDirectory", "%i"],
    ["/run/%n%%i/s", TCP, TEMPLATE, "Service.RuntimeDirectory", "%%n%%%i"],
    ["/run/%i/s", "/srv/%i", { ...TEMPLATE, socket: true }, "Unit.Requires", "relay@%i.socket"],
    [
      "/run/%i/s",
      TCP,
      { ...TEMPLATE, service: "app@%i.service" },
      "Unit.BindsTo",
      "app@%i.service",
    ],
    // A user's manager.
    ["%t/app/s", TCP, USERS, "Service.ExecStart", `${PROGRAM} %t/app/s ${TCP}`],
    ["%t/app/s", TCP, USERS, "Service.RuntimeDirectory", "app"],
    ["%t/app/s", TCP, USERS, "Service.BindPaths", "%t/app"],
    ["%t/app/s", TCP, USERS, "Service.BindReadOnlyPaths", "%t/systemd/notify"],
    ["%t/app/s", "%h/x/s", USERS, "Service.BindReadOnlyPaths", "%t/systemd/notify %h/x"],
    ["%t/app/s", TCP, USERS, "Service.DynamicUser", undefined],
    ["%t/app/s", TCP, USERS, "Service.NoNewPrivileges", "yes"],
    ["%t/app/s", TCP, USERS, "Service.PrivateUsers", "yes"],
    ["%t/app/s", TCP, USERS, "Service.ProtectKernelLogs", undefined],
    ["%t/app/s", TCP, USERS, "Service.IPAddressDeny", undefined],
    ["%t/app/s", "example.org:80", USERS, "Unit.Wants", undefined],
    ["%t/app/s", TCP, USERS, "Install.WantedBy", "default.target"],
    ["%t/app/s", TCP, { ...USERS, seesUsers: true }, "Service.ProtectSystem", undefined],
    ["%t/app/s", TCP, { ...USERS, seesUsers: true }, "Service.CapabilityBoundingSet", undefined],
    ["%t/app/s", TCP, { ...USERS, seesUsers: true }, "Service.NoNewPrivileges", "yes"],
    [
      "%t/app/s",
      TCP,
      { ...USERS, seesUsers: true },
      "Service.SystemCallFilter",
      "@system-service|~@privileged @resources",
    ],
    // The network.
    [TCP, RUN, {}, "Service.PrivateNetwork", undefined],
    [TCP, RUN, { socket: true }, "Service.PrivateNetwork", "yes"],
    [TCP, RUN, { socket: true, admin: ":9100" }, "Service.PrivateNetwork", undefined],
    [TCP, "@name", { socket: true }, "Service.PrivateNetwork", undefined],
    [TCP, "@name", { socket: true }, "Service.RestrictAddressFamilies", "AF_UNIX"],
    [RUN, "/run/b/socket", {}, "Service.PrivateNetwork", "yes"],
    [RUN, "/run/b/socket", {}, "Service.RestrictAddressFamilies", "AF_UNIX"],
    [RUN, TCP, {}, "Service.RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"],
    [RUN, "/run/b/socket", {}, "Service.IPAddressDeny", "any"],
    [RUN, "@name", {}, "Service.IPAddressDeny", "any"],
    [RUN, "@name", {}, "Service.IPAddressAllow", undefined],
    [TCP, RUN, { socket: true }, "Service.IPAddressDeny", "any"],
    [RUN, TCP, {}, "Service.IPAddressDeny", "any"],
    [RUN, TCP, {}, "Service.IPAddressAllow", "localhost"],
    [RUN, "example.org:80", {}, "Service.IPAddressDeny", undefined],
    [":8081", TCP, {}, "Service.IPAddressDeny", undefined],
    [":8081", TCP, { socket: true }, "Service.IPAddressDeny", "any"],
    [RUN, "example.org:80", {}, "Unit.After", "network-online.target"],
    [RUN, "example.org:80", {}, "Unit.Wants", "network-online.target"],
    [RUN, "example.org:80", JOINED, "Unit.Wants", undefined],
    ["192.0.2.1:80", TCP, {}, "Unit.Wants", "network-online.target"],
    ["192.0.2.1:80", TCP, { socket: true }, "Unit.Wants", undefined],
    [":80", TCP, {}, "Unit.Wants", undefined],
    ["[::]:80", TCP, {}, "Unit.Wants", undefined],
    // Ports that take a capability.
    ["127.0.0.1:1024", TCP, {}, "Service.AmbientCapabilities", undefined],
    ["127.0.0.1:1024", TCP, {}, "Service.CapabilityBoundingSet", ""],
    ["127.0.0.1:1024", TCP, {}, "Service.PrivateUsers", "yes"],
    ["127.0.0.1:1023", TCP, {}, "Service.AmbientCapabilities", "CAP_NET_BIND_SERVICE"],
    ["127.0.0.1:1023", TCP, {}, "Service.CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"],
    ["127.0.0.1:1023", TCP, {}, "Service.PrivateUsers", undefined],
    ["127.0.0.1:1023", TCP, { socket: true }, "Service.AmbientCapabilities", undefined],
    // Users and groups.
    [RUN, TCP, { seesUsers: true }, "Service.PrivateUsers", undefined],
    [RUN, TCP, { seesUsers: true, socket: true }, "Service.PrivateUsers", undefined],
    [TCP, RUN, { seesUsers: true }, "Service.PrivateUsers", "yes"],
    [RUN, TCP, {}, "Service.DynamicUser", "yes"],
    [RUN, TCP, {}, "Service.ProtectSystem", undefined],
    [RUN, TCP, { user: "app" }, "Service.DynamicUser", undefined],
    [RUN, TCP, { user: "app" }, "Service.User", "app"],
    [RUN, TCP, { user: "app" }, "Service.ProtectSystem", "strict"],
    [RUN, TCP, { user: "app" }, "Service.PrivateTmp", "yes"],
    [RUN, TCP, {}, "Service.Group", undefined],
    [RUN, TCP, { file: { group: "adm" } }, "Service.Group", "adm"],
    [RUN, TCP, { file: { group: "adm" }, socket: true }, "Service.Group", undefined],
    [
      "/srv/app/s",
      TCP,
      { file: { group: "adm" } },
      "Service.SystemCallFilter",
      "@system-service|~@privileged @resources|@chown",
    ],
    [
      RUN,
      TCP,
      { file: { group: "adm" } },
      "Service.SystemCallFilter",
      "@system-service|~@privileged @resources",
    ],
    [
      RUN,
      TCP,
      { file: { mode: "0660" } },
      "Service.SystemCallFilter",
      "@system-service|~@privileged @resources",
    ],
    [TCP, RUN, {}, "Service.SupplementaryGroups", undefined],
    [TCP, RUN, { supplementaryGroups: ["www", "4"] }, "Service.SupplementaryGroups", "www 4"],
    [RUN, TCP, { admin: "/run/a/admin", adminGroup: "adm" }, "Service.Group", "adm"],
    [RUN, TCP, { admin: "/run/a/admin", adminGroup: "adm", socket: true }, "Service.Group", "adm"],
    [
      RUN,
      TCP,
      { admin: "/srv/a/admin", adminGroup: "adm", socket: true },
      "Service.SystemCallFilter",
      "@system-service|~@privileged @resources|@chown",
    ],
    // Folders.
    [RUN, TCP, {}, "Service.RuntimeDirectory", "app"],
    [RUN, TCP, {}, "Service.RuntimeDirectoryMode", "0755"],
    [RUN, TCP, { file: { directoryMode: "0700" } }, "Service.RuntimeDirectoryMode", "0700"],
    [
      RUN,
      TCP,
      { file: { directoryMode: "0700" }, admin: "/run/a/admin", socket: true },
      "Service.RuntimeDirectoryMode",
      "0755",
    ],
    [RUN, TCP, {}, "Service.ReadWritePaths", undefined],
    ["/var/run/a/b/socket", TCP, {}, "Service.RuntimeDirectory", "a/b"],
    ["/run/a/../b//c/socket", TCP, {}, "Service.RuntimeDirectory", "b/c"],
    ["/run/systemd/x/socket", TCP, {}, "Service.RuntimeDirectory", undefined],
    ["/run/systemd/x/socket", TCP, {}, "Service.ReadWritePaths", "/run/systemd/x"],
    ["/srv/app/socket", TCP, {}, "Service.ReadWritePaths", "/srv/app"],
    ["/srv/app/socket", TCP, { socket: true }, "Service.ReadWritePaths", undefined],
    ["/tmp/socket", TCP, {}, "Service.BindPaths", "/tmp"],
    ["/home/me/a/socket", TCP, {}, "Service.BindPaths", "/home/me/a"],
    ["/home/me/a/socket", TCP, {}, "Service.ProtectHome", "tmpfs"],
    ["/run/user/1000/socket", TCP, {}, "Service.BindPaths", "/run/user/1000"],
    ["/run/user/1000/socket", TCP, {}, "Service.RuntimeDirectory", undefined],
    [TCP, "/srv/app/socket", {}, "Service.BindReadOnlyPaths", undefined],
    [TCP, "/srv/app/socket", {}, "Service.ProtectHome", "yes"],
    [TCP, "/root/app/socket", {}, "Service.BindReadOnlyPaths", "/root/app"],
    [TCP, "/root/app/socket", {}, "Service.ProtectHome", "tmpfs"],
    [TCP, "/var/tmp/a/socket", {}, "Service.BindReadOnlyPaths", "/var/tmp/a"],
    [TCP, "/tmp/a/socket", JOINED, "Service.BindReadOnlyPaths", undefined],
    ["/tmp/a/one", "/tmp/a/two", {}, "Service.BindReadOnlyPaths", undefined],
    ["/tmp/a/one", "/tmp/two", {}, "Service.BindReadOnlyPaths", "/tmp"],
    [RUN, TCP, { program: "/home/me/x" }, "Service.BindReadOnlyPaths", "/home/me/x"],
    [TCP, RUN, { admin: "/run/admin/socket" }, "Service.RuntimeDirectory", "admin"],
    ["/run/a/socket", TCP, { admin: "/run/a/admin" }, "Service.RuntimeDirectory", "a"],
    ["/run/a/socket", TCP, { admin: "/run/b/admin" }, "Service.RuntimeDirectory", "a b"],
    ["/run/a/socket", TCP, { admin: "/srv/b/admin" }, "Service.ReadWritePaths", "/srv/b"],
  ])("from %s to %s with %j: %s=%s", (source, destination, changes, key, expected) => {
    expect(value(service(source, destination, changes), key)).toBe(expected);
  });

  test.each<[string, string, Changes, string]>([
    [RUN, TCP, JOINED, "app.service needs PrivateNetwork=yes; its drop-in 50-private-network.conf"],
    [RUN, TCP, {}, "Without --mode only the user below can connect"],
    [TCP, RUN, {}, "Without --no-socket systemd opens SOURCE"],
    ["127.0.0.1:80", TCP, {}, "Without --no-socket systemd opens the port"],
    [TCP, RUN, JOINED, "SOURCE is in the network namespace of app.service"],
    [TCP, RUN, {}, "If only a group may open DESTINATION, add --supplementary-groups=GROUP"],
    [TCP, "/tmp/socket", JOINED, "If app.service has PrivateTmp=yes, the relay shares its /tmp"],
    ["/srv/app/socket", TCP, {}, "must be able to write in /srv/app"],
    [RUN, TCP, {}, "No MemoryDenyWriteExecute=: "],
  ])("from %s to %s with %j says: %s", (source, destination, changes, words) => {
    const [unit] = writeUnits(wanted(source, destination, changes));
    const comments = unit?.text.split("\n").filter((line) => line.startsWith("# "));
    expect(comments?.join("\n")).toContain(words);
  });

  test("has no setting twice but the filter of system calls", () => {
    const settings = service("/srv/a/s", "/tmp/b/s", {
      ...JOINED,
      user: "app",
      file: { group: "x" },
    });
    const repeated = [...settings].filter(([, values]) => values.length > 1).map(([key]) => key);
    expect(repeated).toEqual(["Service.SystemCallFilter"]);
  });
});

test("a port can be the instance of a template", () => {
  const port = { kind: "tcp" as const, host: "127.0.0.1", port: INSTANCE_PORT };
  const plan = wanted(TCP, TCP, { ...TEMPLATE, socket: true });
  const ends = { source: port, destination: { ...port, host: "::1" } };
  const units = writeUnits({ ...plan, relays: [relay(TCP, TCP, ends)] });
  const texts = units.map(({ text }) => readUnit(text));
  expect(texts[0]?.get("Socket.ListenStream")).toEqual(["127.0.0.1:%i"]);
  expect(texts[1]?.get("Service.ExecStart")).toEqual([`${PROGRAM} systemd:source [::1]:%i`]);
});

describe("the environment", () => {
  const cleared = value(service(RUN, TCP), "Service.UnsetEnvironment")?.split(" ");

  test.each(["BUN_OPTIONS", "BUN_BE_BUN", "BUN_INSPECT", "BUN_INSPECT_CONNECT_TO"])(
    "never has %s, by which Bun runs other code",
    (variable) => expect(cleared).toContain(variable),
  );
});

describe("drop-ins of the service", () => {
  const names = (changes: Changes) => writeUnits(wanted(RUN, TCP, changes)).map(({ name }) => name);

  test("lock it in, and are there without being asked for", () => {
    expect(names({ ...JOINED, socket: true })).toEqual([
      "relay-app.socket",
      "relay-app.service",
      "app.service.d/50-private-network.conf",
    ]);
    const [, , dropIn] = writeUnits(wanted(RUN, TCP, { ...JOINED, socket: true }));
    expect([...readUnit(dropIn?.text ?? "")]).toEqual([["Service.PrivateNetwork", ["yes"]]]);
  });

  test("stop it when unneeded, on demand", () => {
    const [, , , dropIn] = writeUnits(
      wanted(RUN, TCP, { ...JOINED, socket: true, onDemand: true }),
    );
    expect(dropIn?.name).toBe("app.service.d/50-on-demand.conf");
    expect([...readUnit(dropIn?.text ?? "")]).toEqual([["Unit.StopWhenUnneeded", ["yes"]]]);
  });

  test("of an instance are those of its template where the instance is open", () => {
    expect(names({ ...TEMPLATE, service: "app@%i.service" })).toContain(
      "app@.service.d/50-private-network.conf",
    );
    expect(names({ service: "app@one.service" })).toContain(
      "app@one.service.d/50-private-network.conf",
    );
  });

  test("are none where no service is joined", () => {
    expect(names({})).toEqual(["relay-app.service"]);
  });
});
