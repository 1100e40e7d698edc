import { describe, expect, test } from "bun:test";
import { writeUnits } from "../../../../src/systemd/units/write-units.ts";
import type { UnitRelay } from "../../../../src/systemd/units/unit-plan.ts";
import { readUnit, type Settings } from "./unit-reader.ts";
import { type Changes, PROGRAM, relay, TCP, value, wanted } from "./wanted-units.ts";

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
