import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import type { UnitPlan } from "./unit-plan.ts";

/** Stands for the port of a template's instance, `%i`. */
export const INSTANCE_PORT = -1;

const INSTANCE = "%i";

/** Whether units are a template, of which each instance has a name of its own. */
export function isTemplate(name: string): boolean {
  return name.endsWith("@");
}

/**
 * The letters of the specifiers that a relay's texts may have (systemd.unit(5)): the instance in a
 * template, the runtime folder and the home with a user's manager.
 */
export function specifiersOf({ name, manager }: Pick<UnitPlan, "name" | "manager">): string {
  return `${isTemplate(name) ? "iI" : ""}${manager === "user" ? "th" : ""}`;
}

/** As `printAddress`, of an address that may have the instance as its port. */
export function addressText(endpoint: SocketEndpoint): string {
  if (endpoint.kind !== "tcp" || endpoint.port !== INSTANCE_PORT) return printAddress(endpoint);
  return printAddress({ ...endpoint, port: 0 }).replace(/0$/, INSTANCE);
}

/** The name of a unit of these units, as another unit names it: of the same instance. */
export function siblingName(name: string, suffix: ".service" | ".socket"): string {
  return `${name}${isTemplate(name) ? INSTANCE : ""}${suffix}`;
}
