import { section } from "./print-sections.ts";
import type { UnitFile } from "./unit-file.ts";

/**
 * A drop-in that gives a service a private network, so that only processes in the service's network
 * namespace reach the service's ports.
 */
export function privateNetworkDropIn(service: string): UnitFile {
  return {
    name: dropInName(service, "50-private-network.conf"),
    text: [
      "# Only processes in the service's network namespace can reach its ports.\n",
      section("Service", ["PrivateNetwork=yes"]),
    ].join(""),
  };
}

/** A drop-in that stops a service when no other unit needs the service. */
export function onDemandDropIn(service: string): UnitFile {
  return {
    name: dropInName(service, "50-on-demand.conf"),
    text: [
      "# The relay starts the service for the first client. The service stops with the relay.\n",
      section("Unit", ["StopWhenUnneeded=yes"]),
    ].join(""),
  };
}

/**
 * The path of a service's drop-in: a folder and a file name. For a service with the instance `%i`,
 * the drop-in belongs to the whole template, because a file name cannot contain specifiers.
 */
function dropInName(service: string, file: string): string {
  return `${service.replace("@%i.", "@.")}.d/${file}`;
}
