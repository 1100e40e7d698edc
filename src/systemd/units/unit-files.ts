import { serviceUnit } from "./service-unit.ts";
import { socketUnit } from "./socket-unit.ts";
import type { UnitPlan } from "./unit-plan.ts";

/** A unit file: its name and all of its text. */
export interface UnitFile {
  readonly name: string;
  readonly text: string;
}

/** The units of a relay; the first is the one to enable. */
export function writeUnits(wanted: UnitPlan): UnitFile[] {
  const service = { name: `${wanted.name}.service`, text: serviceUnit(wanted) };
  return wanted.socket
    ? [{ name: `${wanted.name}.socket`, text: socketUnit(wanted) }, service]
    : [service];
}
