import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import type { UnitPlan } from "./unit-plan.ts";

/**
 * The value of `port` in an endpoint if the port is `%i`, the name of a template's instance. No
 * real port has the number -1.
 */
export const INSTANCE_PORT = -1;

const INSTANCE = "%i";

/** Whether a unit name (without suffix) is the name of a template. */
export function isTemplate(name: string): boolean {
  return name.endsWith("@");
}

/**
 * The letters of the specifiers that systemd expands in a relay's units (systemd.unit(5)): `%i` and
 * `%I` (instance) in a template; `%t` (runtime folder) and `%h` (home) with a user's manager.
 */
export function specifiersOf({ name, manager }: Pick<UnitPlan, "name" | "manager">): string {
  return `${isTemplate(name) ? "iI" : ""}${manager === "user" ? "th" : ""}`;
}

/** Like `printAddress`, but prints the port `INSTANCE_PORT` as `%i`. */
export function addressText(endpoint: SocketEndpoint): string {
  if (endpoint.kind !== "tcp" || endpoint.port !== INSTANCE_PORT) return printAddress(endpoint);
  return printAddress({ ...endpoint, port: 0 }).replace(/0$/, INSTANCE);
}

/**
 * The full name of one of the relay's units, for use in another of the relay's units. In a
 * template, the name contains `%i`, so it means the unit of the same instance.
 */
export function siblingName(name: string, suffix: ".service" | ".socket"): string {
  return `${name}${isTemplate(name) ? INSTANCE : ""}${suffix}`;
}
