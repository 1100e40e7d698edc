import { posix } from "node:path";
import { printAddress, type SocketEndpoint } from "../../address/address.ts";

/** The maximum length of a unit name without the suffix. */
export const UNIT_NAME_MAX = 255 - ".service".length;

/**
 * A name for the units of a relay, made from the source: `/run/app/socket` gives `relay-app`,
 * `:8080` gives `relay-8080`. If the relay joins the network namespace of `service`, the name is
 * made from the service: `relay-app` for app.service, and `relay-app-8080` if the source is a port.
 * So a relay on a Unix socket and a relay on a port of the same service have different names.
 */
export function defaultName(source: SocketEndpoint, service: string | undefined): string {
  const purpose = service === undefined ? sourceWords(source) : serviceWords(service, source);
  return nameOf(purpose, source.kind);
}

/** A name for the units of a configuration file: `/etc/app.toml` gives `relay-app`. */
export function defaultFileName(file: string): string {
  return nameOf(posix.parse(file).name, "file");
}

function nameOf(purpose: string, otherwise: string): string {
  const name = purpose.replace(/[^A-Za-z0-9_.]+/g, "-").replace(/^[-.]+|[-.]+$/g, "");
  return `relay-${name || otherwise}`.slice(0, UNIT_NAME_MAX);
}

function serviceWords(service: string, source: SocketEndpoint): string {
  const name = service.slice(0, -".service".length);
  return source.kind === "tcp" ? `${name}-${source.port}` : name;
}

function sourceWords(source: SocketEndpoint): string {
  if (source.kind !== "unix") return printAddress(source);
  return source.path.replace(/^(?:%[th]\/|\/(?:(?:var\/)?run\/)?)/, "").replace(/\/socket$/, "");
}
