import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  parseAddress,
  printAddress,
  type SocketEndpoint,
} from "../../../../src/address/address.ts";
import {
  folderOf,
  hiderOf,
  runtimeDirectory,
} from "../../../../src/systemd/units/paths-in-units.ts";
import { endsAsWritten, hasControls } from "../../../../src/systemd/units/unit-escaping.ts";
import { INSTANCE_PORT } from "../../../../src/systemd/units/specifiers.ts";
import { writeUnits } from "../../../../src/systemd/units/write-units.ts";
import type { UnitPlan, UnitRelay } from "../../../../src/systemd/units/unit-plan.ts";
import {
  readBinds,
  readDirectories,
  readExec,
  readPaths,
  readUnit,
  readWhole,
  type Settings,
} from "./unit-reader.ts";
import { holds } from "../../../support/property.ts";

const PROGRAM = "/usr/local/bin/simpletcpunixrelay";

type Changes = Partial<Omit<UnitPlan, "relays" | "admin">> &
  Partial<Pick<UnitRelay, "file" | "freebind" | "backlog" | "seesUsers">> & {
    readonly admin?: string;
  };

function wanted(source: string, destination: string, changes: Changes = {}): UnitPlan {
  const { admin, file, freebind, backlog, seesUsers, ...rest } = changes;
  return {
    ...{ name: "relay-app", program: PROGRAM, options: [], socket: false },
    ...{ drainTimeout: 10_000, serverDescriptors: 0, manager: "system" as const },
    ...{ onDemand: false, supplementaryGroups: [] },
    relays: [
      relay(source, destination, {
        ...(file !== undefined && { file }),
        ...(freebind !== undefined && { freebind }),
        ...(backlog !== undefined && { backlog }),
        ...(seesUsers !== undefined && { seesUsers }),
      }),
    ],
    ...(admin !== undefined && { admin: address(admin) }),
    ...rest,
  };
}

function relay(source: string, destination: string, changes: Partial<UnitRelay> = {}): UnitRelay {
  return {
    ...{ source: address(source), destination: address(destination) },
    ...{ file: {}, freebind: false, seesUsers: false, waits: true },
    ...changes,
  };
}

// Each of these addresses is one that a destination can have too.
function address(text: string): SocketEndpoint {
  return parseAddress(text, "destination");
}

/** The units of a relay, as systemd reads them, by their suffixes. */
function read(units: UnitPlan): { service: Settings; socket: Settings | undefined } {
  const files = new Map(writeUnits(units).map(({ name, text }) => [name, readUnit(text)]));
  const service = files.get(`${units.name}.service`);
  if (service === undefined) throw new Error("there is no service");
  return { service, socket: files.get(`${units.name}.socket`) };
}

function service(source: string, destination: string, changes?: Changes): Settings {
  return read(wanted(source, destination, changes)).service;
}

function socketUnit(source: string, destination: string, changes?: Changes): Settings {
  const { socket } = read(wanted(source, destination, { socket: true, ...changes }));
  if (socket === undefined) throw new Error("there is no socket");
  return socket;
}

/** What a setting stands for; several lines of it are parted by `|`. */
function value(settings: Settings, key: string): string | undefined {
  return settings.get(key)?.join("|");
}

const RUN = "/run/app/socket";
const TCP = "127.0.0.1:8080";
const JOINED = { service: "app.service" };
const TEMPLATE = { name: "relay@" };
const USERS = { manager: "user" } as const;

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

describe("a socket unit", () => {
  test.each<[string, Changes, string, string | undefined]>([
    [TCP, {}, "Socket.ListenStream", TCP],
    [TCP, {}, "Socket.FileDescriptorName", "source"],
    [TCP, {}, "Socket.SocketMode", undefined],
    [TCP, {}, "Socket.FreeBind", undefined],
    [TCP, {}, "Socket.Backlog", undefined],
    [TCP, { backlog: 0 }, "Socket.Backlog", "0"],
    [TCP, {}, "Install.WantedBy", "sockets.target"],
    [TCP, JOINED, "Install.WantedBy", "sockets.target app.service"],
    [TCP, {}, "Unit.JoinsNamespaceOf", undefined],
    [TCP, {}, "Unit.Description", "127.0.0.1:8080, the source of relay-app.service"],
    [":80", {}, "Socket.ListenStream", "80"],
    [":80", {}, "Socket.BindIPv6Only", "both"],
    ["[::]:80", {}, "Socket.BindIPv6Only", "both"],
    ["[::1]:80", {}, "Socket.ListenStream", "[::1]:80"],
    ["[::1]:80", {}, "Socket.BindIPv6Only", undefined],
    ["[fe80::1%eth0]:80", {}, "Socket.ListenStream", "[fe80::1%%eth0]:80"],
    ["192.0.2.1:80", {}, "Socket.FreeBind", "yes"],
    [TCP, { freebind: true }, "Socket.FreeBind", "yes"],
    ["0.0.0.0:80", {}, "Socket.FreeBind", undefined],
    ["@name", {}, "Socket.ListenStream", "@name"],
    ["@name", {}, "Socket.SocketMode", undefined],
    [RUN, {}, "Socket.ListenStream", RUN],
    [RUN, {}, "Socket.SocketMode", "0600"],
    [RUN, {}, "Socket.RemoveOnStop", "yes"],
    [RUN, {}, "Socket.TriggerLimitIntervalSec", "5s"],
    [RUN, {}, "Socket.TriggerLimitBurst", "6"],
    ["/run/%i/s", TEMPLATE, "Socket.ListenStream", "/run/%i/s"],
    ["/run/%i/s", TEMPLATE, "Unit.Description", "/run/%i/s, the source of relay@%i.service"],
    ["%t/app/s", USERS, "Socket.ListenStream", "%t/app/s"],
    ["%t/app/s", {}, "Socket.ListenStream", "%%t/app/s"],
    [RUN, { file: { mode: "0666" } }, "Socket.SocketMode", "0666"],
    [RUN, { file: { owner: "www", group: "4" } }, "Socket.SocketUser", "www"],
    [RUN, { file: { owner: "www", group: "4" } }, "Socket.SocketGroup", "4"],
    [RUN, { file: { directoryMode: "0700" } }, "Socket.DirectoryMode", "0700"],
    [RUN, {}, "Socket.DirectoryMode", undefined],
  ])("on %s with %j: %s=%s", (source, changes, key, expected) => {
    expect(value(socketUnit(source, "127.0.0.1:9", changes), key)).toBe(expected);
  });

  test("comes first, as the one to enable", () => {
    const names = writeUnits(wanted(RUN, TCP, { socket: true })).map(({ name }) => name);
    expect(names).toEqual(["relay-app.socket", "relay-app.service"]);
  });
});

describe("units of a configuration file", () => {
  const config = "/etc/relays/app.toml";
  const web = relay("/run/web/socket", TCP, { name: "web", file: { mode: "0660", group: "www" } });
  const db = relay("127.0.0.1:5432", "/run/db/socket", { name: "db", backlog: 9 });
  const far = relay("/srv/far/s", "192.0.2.1:80", { name: "far", seesUsers: true, waits: false });

  function units(changes: Changes, ...relays: UnitRelay[]): Map<string, Settings> {
    const plan = { ...wanted(TCP, TCP, { config, socket: true, ...changes }), relays };
    return new Map(writeUnits(plan).map(({ name, text }) => [name, readUnit(text)]));
  }

  test("are a socket for each relay and one service", () => {
    const files = units({ options: ["--log-level=debug"] }, web, db);
    expect([...files.keys()]).toEqual([
      "relay-app-web.socket",
      "relay-app-db.socket",
      "relay-app.service",
    ]);
    const settings = files.get("relay-app.service") ?? new Map();
    const all = "relay-app-web.socket relay-app-db.socket";
    expect(value(settings, "Unit.Requires")).toBe(all);
    expect(value(settings, "Unit.After")).toBe(all);
    expect(value(settings, "Unit.Description")).toBe(`Relays of ${config} (simpletcpunixrelay)`);
    const exec = `${PROGRAM} --log-level=debug --config=${config}`;
    expect(value(settings, "Service.ExecStart")).toBe(exec);
    expect(settings.get("Service.ExecReload")).toEqual([
      `${PROGRAM} check ${config}`,
      expect.stringContaining("kill -HUP"),
    ]);
  });

  test("have sockets with the relay's name and permissions, for the one service", () => {
    const files = units({}, web, db);
    const [one, other] = ["web", "db"].map((name) => files.get(`relay-app-${name}.socket`));
    expect(Object.fromEntries(one ?? [])).toMatchObject({
      "Socket.ListenStream": ["/run/web/socket"],
      "Socket.FileDescriptorName": ["web"],
      "Socket.Service": ["relay-app.service"],
      "Socket.SocketMode": ["0660"],
      "Socket.SocketGroup": ["www"],
      "Unit.Description": ["/run/web/socket, the source of relay web of relay-app.service"],
    });
    expect(Object.fromEntries(other ?? [])).toMatchObject({
      "Socket.ListenStream": ["127.0.0.1:5432"],
      "Socket.FileDescriptorName": ["db"],
      "Socket.Backlog": ["9"],
    });
  });

  test("let the service have what any of its relays needs, and no more", () => {
    const one = units({}, db).get("relay-app.service") ?? new Map();
    expect(value(one, "Service.PrivateNetwork")).toBe("yes");
    expect(value(one, "Service.RestrictAddressFamilies")).toBe("AF_UNIX");
    expect(value(one, "Service.PrivateUsers")).toBe("yes");
    const two = units({}, web, db).get("relay-app.service") ?? new Map();
    expect(value(two, "Service.PrivateNetwork")).toBeUndefined();
    expect(value(two, "Service.IPAddressAllow")).toBe("localhost");
    expect(value(two, "Service.PrivateUsers")).toBe("yes");
    const three = units({}, web, db, far).get("relay-app.service") ?? new Map();
    expect(value(three, "Service.IPAddressAllow")).toBeUndefined();
    expect(value(three, "Service.PrivateUsers")).toBeUndefined();
    expect(value(three, "Unit.Wants")).toBe("network-online.target");
  });

  test("without sockets let the service listen on each source by itself", () => {
    const files = units({ socket: false }, web, db, far);
    expect([...files.keys()]).toEqual(["relay-app.service"]);
    const settings = files.get("relay-app.service") ?? new Map();
    expect(value(settings, "Service.RuntimeDirectory")).toBe("web");
    expect(value(settings, "Service.ReadWritePaths")).toBe("/srv/far");
    expect(value(settings, "Service.Group")).toBe("www");
    expect(value(settings, "Service.ExecStart")).toBe(`${PROGRAM} --config=${config}`);
  });

  test("let the service see the folder of the file, as an editor puts a new file there", () => {
    const read = (file: string) => units({ config: file }, db).get("relay-app.service");
    expect(value(read(config) ?? new Map(), "Service.BindReadOnlyPaths")).toBeUndefined();
    const hidden = read("/home/me/relays/app.toml") ?? new Map();
    expect(value(hidden, "Service.BindReadOnlyPaths")).toBe("/home/me/relays");
    expect(value(hidden, "Service.ProtectHome")).toBe("tmpfs");
  });

  test("allow as many files as all relays and the servers need together", () => {
    const limit = (serverDescriptors: number, ...relays: UnitRelay[]) =>
      Number(
        units({ connectionsMax: 1_000_000, serverDescriptors }, ...relays)
          .get("relay-app.service")
          ?.get("Service.LimitNOFILE")?.[0],
      );
    expect(limit(0, web)).toBe(2_000_096);
    expect(limit(0, web, db, far)).toBeGreaterThan(2_000_096);
    expect(limit(70, web)).toBe(2_000_166);
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

describe("any paths", () => {
  const nasty = fc.string({ unit: fc.constantFrom(..." \"'\\%$:;#=@[]ax20é日/."), maxLength: 30 });
  const folder = fc.constantFrom("/srv/", "/run/app/", "/run/", "/home/me/", "/tmp/", "/");
  const path = fc
    .tuple(folder, nasty)
    .map(([start, rest]) => start + rest)
    .filter((text) => !text.endsWith("/") && !hasControls(text) && Buffer.byteLength(text) < 108);

  test("reach the relay and its settings as they are", () => {
    holds(
      import.meta.path,
      fc.property(path, path, fc.boolean(), (source, destination, socket) => {
        if (socket && !endsAsWritten(source)) return;
        const [from, to] = [address(source), address(destination)];
        const ends = { source: from, destination: to };
        const units = read({
          ...wanted(TCP, TCP, { socket }),
          relays: [relay(TCP, TCP, ends)],
        });
        const [exec = ""] = units.service.get("Service.ExecStart") ?? [];
        const first = socket ? "systemd:source" : printAddress(from);
        expect(readExec(exec)).toEqual([PROGRAM, first, printAddress(to)]);
        expect(value(units.service, "Service.Type")).toBe("notify");
        expect(value(units.service, "Service.UMask")).toBe("0077");
        const [description = ""] = units.service.get("Unit.Description") ?? [];
        expect(readWhole(description)).toContain(printAddress(to));
        const listed = (key: string, reader: (text: string) => string[]) =>
          reader(value(units.service, key) ?? "");
        if (socket) {
          expect(readWhole(value(units.socket ?? new Map(), "Socket.ListenStream") ?? "")).toBe(
            source,
          );
        } else {
          const made = [
            ...listed("Service.RuntimeDirectory", readDirectories).map((name) => `/run/${name}`),
            ...listed("Service.ReadWritePaths", readPaths),
            ...listed("Service.BindPaths", readBinds),
          ];
          expect(made).toEqual([folderOf(source)]);
        }
        if (hiderOf(folderOf(destination)) === undefined) return;
        const visible = [
          ...listed("Service.BindPaths", readBinds),
          ...listed("Service.BindReadOnlyPaths", readBinds),
        ];
        expect(visible.some((folder) => `${folderOf(destination)}/`.startsWith(`${folder}/`))).toBe(
          true,
        );
      }),
      { runs: 1_000 },
    );
  });
});

describe("the folder that systemd makes", () => {
  test.each([
    ["/run/app/socket", "app"],
    ["/run/a/b/socket", "a/b"],
    ["/var/run/app/socket", "app"],
    ["/run/socket", undefined],
    ["/run/../etc/socket", undefined],
    ["/srv/run/app/socket", undefined],
    ["/running/app/socket", undefined],
    ["/run/user/1000/socket", undefined],
    ["/run/lock/socket", undefined],
  ])("of %s is %p", (path, folder) => {
    expect(runtimeDirectory(path)).toBe(folder);
  });
});
