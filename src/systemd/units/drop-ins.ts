import { section } from "./unit-sections.ts";
import type { UnitFile } from "./unit-file.ts";

/** Locks a service in: nobody outside its network namespace reaches its ports. */
export function privateNetworkDropIn(service: string): UnitFile {
  return {
    name: dropInName(service, "50-private-network.conf"),
    text: [
      "# Locks the service in: only what joins its network namespace reaches its ports.\n",
      section("Service", ["PrivateNetwork=yes"]),
    ].join(""),
  };
}

/** Stops a service once no relay needs it any more. */
export function onDemandDropIn(service: string): UnitFile {
  return {
    name: dropInName(service, "50-on-demand.conf"),
    text: [
      "# The relay starts the service for the first client. It stops when the relay does.\n",
      section("Unit", ["StopWhenUnneeded=yes"]),
    ].join(""),
  };
}

/** A drop-in of the instance `%i` is one of the whole template: no file name has specifiers. */
function dropInName(service: string, file: string): string {
  return `${service.replace("@%i.", "@.")}.d/${file}`;
}
