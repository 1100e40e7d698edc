import { onDemandDropIn, privateNetworkDropIn } from "./drop-ins.ts";
import { serviceUnit } from "./service-unit.ts";
import { socketUnit } from "./socket-unit.ts";
import type { UnitFile } from "./unit-file.ts";
import type { UnitPlan } from "./unit-plan.ts";

/** The units of a relay, the one to enable first, and the drop-ins of the service that it joins. */
export function writeUnits(wanted: UnitPlan): UnitFile[] {
  const { name, service, socket, onDemand } = wanted;
  return [
    ...(socket ? [{ name: `${name}.socket`, text: socketUnit(wanted) }] : []),
    { name: `${name}.service`, text: serviceUnit(wanted) },
    ...(service === undefined ? [] : [privateNetworkDropIn(service)]),
    ...(service !== undefined && onDemand ? [onDemandDropIn(service)] : []),
  ];
}
