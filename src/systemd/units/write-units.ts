import { onDemandDropIn, privateNetworkDropIn } from "./drop-ins.ts";
import { serviceUnit } from "./service-unit.ts";
import { socketName, socketUnit } from "./socket-unit.ts";
import type { UnitFile } from "./unit-file.ts";
import type { UnitPlan } from "./unit-plan.ts";

/**
 * The units of a process with one or more relays: first the .socket units, if the plan has them,
 * then the .service unit. If the process joins the network namespace of another service, the
 * drop-ins for that service come last.
 */
export function writeUnits(plan: UnitPlan): UnitFile[] {
  const { name, relays, service, socket, onDemand } = plan;
  return [
    ...(socket ? relays : []).map((relay) => ({
      name: `${socketName(name, relay)}.socket`,
      text: socketUnit(plan, relay),
    })),
    { name: `${name}.service`, text: serviceUnit(plan) },
    ...(service === undefined ? [] : [privateNetworkDropIn(service)]),
    ...(service !== undefined && onDemand ? [onDemandDropIn(service)] : []),
  ];
}
