import { parseAddress, type SocketEndpoint } from "../../../../src/address/address.ts";
import { writeUnits } from "../../../../src/systemd/units/write-units.ts";
import type { UnitPlan, UnitRelay } from "../../../../src/systemd/units/unit-plan.ts";
import { readUnit, type Settings } from "./unit-reader.ts";

export const PROGRAM = "/usr/local/bin/simpletcpunixrelay";

export type Changes = Partial<Omit<UnitPlan, "relays" | "admin">> &
  Partial<Pick<UnitRelay, "file" | "freebind" | "backlog" | "seesUsers">> & {
    readonly admin?: string;
  };

export function wanted(source: string, destination: string, changes: Changes = {}): UnitPlan {
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

export function relay(
  source: string,
  destination: string,
  changes: Partial<UnitRelay> = {},
): UnitRelay {
  return {
    ...{ source: address(source), destination: address(destination) },
    ...{ file: {}, freebind: false, seesUsers: false, waits: true },
    ...changes,
  };
}

// Each of these addresses is one that a destination can have too.
export function address(text: string): SocketEndpoint {
  return parseAddress(text, "destination");
}

/** The units of a relay, as systemd reads them, by their suffixes. */
export function read(units: UnitPlan): { service: Settings; socket: Settings | undefined } {
  const files = new Map(writeUnits(units).map(({ name, text }) => [name, readUnit(text)]));
  const service = files.get(`${units.name}.service`);
  if (service === undefined) throw new Error("there is no service");
  return { service, socket: files.get(`${units.name}.socket`) };
}

export function service(source: string, destination: string, changes?: Changes): Settings {
  return read(wanted(source, destination, changes)).service;
}

export function socketUnit(source: string, destination: string, changes?: Changes): Settings {
  const { socket } = read(wanted(source, destination, { socket: true, ...changes }));
  if (socket === undefined) throw new Error("there is no socket");
  return socket;
}

/** What a setting stands for; several lines of it are parted by `|`. */
export function value(settings: Settings, key: string): string | undefined {
  return settings.get(key)?.join("|");
}

export const RUN = "/run/app/socket";
export const TCP = "127.0.0.1:8080";
export const JOINED = { service: "app.service" };
export const TEMPLATE = { name: "relay@" };
export const USERS = { manager: "user" } as const;
