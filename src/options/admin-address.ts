import {
  AddressError,
  type Endpoint,
  parseAddress,
  printAddress,
  type SocketEndpoint,
  staysLocal,
} from "../address/address.ts";
import { isLoopbackHost, isLoopbackName } from "../address/loopback.ts";
import { isNameAlone, lacksPort, missingPart } from "../address/suggest-address.ts";
import { InvalidValue } from "./invalid-value-error.ts";
import { quote } from "../address/quote-word.ts";

const WHERE =
  "an admin address is a Unix socket (/PATH, @NAME) or a loopback port (127.0.0.1:PORT)";

/**
 * Reads an admin address: a Unix socket or a loopback port. Any other address is refused, because
 * the admin pages show the connected clients, and other machines must not reach these pages.
 *
 * @param role - whether the relay listens on the address, or the command `status` asks there
 * @throws {InvalidValue}
 */
export function parseAdminAddress(text: string, role: "to listen on" | "to ask"): SocketEndpoint {
  if (/^\d+$/.test(text) && Number(text) <= 65_535)
    throw new InvalidValue(`${quote(text)} is a port alone; write 127.0.0.1:${text}`);
  if (text !== "systemd" && isNameAlone(text))
    throw new InvalidValue(`${quote(text)} has no /; write ./${text}`);
  if (lacksPort(text) && !/^\d+$/.test(text) && !isLoopbackHost(text))
    throw new InvalidValue(`${quote(text)} is not loopback; ${WHERE}`);
  return checkAdminEndpoint(parse(text, role), role, text);
}

/**
 * Checks a parsed admin address by the rules of `parseAdminAddress`, and returns it. A host that is
 * a name becomes 127.0.0.1.
 *
 * @param text - the address as the error shows it
 * @throws {InvalidValue}
 */
export function checkAdminEndpoint(
  endpoint: Endpoint,
  role: "to listen on" | "to ask",
  text = printAddress(endpoint),
): SocketEndpoint {
  if (endpoint.kind === "systemd" || endpoint.kind === "fd")
    throw new InvalidValue(`${quote(text)} is inherited; ${WHERE}`);
  if (endpoint.kind !== "tcp") return endpoint;
  if (!staysLocal(endpoint, role === "to listen on" ? "source" : "destination"))
    throw new InvalidValue(`${quote(text)} is not loopback; ${WHERE}`);
  const isName = endpoint.host === "" || isLoopbackName(endpoint.host);
  return isName ? { ...endpoint, host: "127.0.0.1" } : endpoint;
}

/**
 * Reads a metrics address: any TCP address or Unix socket. Other machines may reach the address,
 * because metrics say nothing about single clients.
 *
 * @throws {InvalidValue}
 */
export function parseMetricsAddress(text: string): SocketEndpoint {
  // Refuse a single name such as `Systemd` before `parse` is called. About `Systemd`, the error of
  // `parse` would advise the user to write `systemd`, but `systemd` is no metrics address.
  if (text !== "systemd" && isNameAlone(text))
    throw new InvalidValue(`${quote(text)}: ${missingPart(text)}`);
  return checkMetricsEndpoint(parse(text, "to listen on"), text);
}

/**
 * Checks a parsed metrics address by the rules of `parseMetricsAddress`, and returns it.
 *
 * @param text - the address as the error shows it
 * @throws {InvalidValue}
 */
export function checkMetricsEndpoint(
  endpoint: Endpoint,
  text = printAddress(endpoint),
): SocketEndpoint {
  if (endpoint.kind === "systemd" || endpoint.kind === "fd")
    throw new InvalidValue(
      `${quote(text)} is inherited; a metrics address is HOST:PORT, :PORT, /PATH or @NAME`,
    );
  return endpoint;
}

function parse(text: string, role: "to listen on" | "to ask") {
  try {
    return role === "to listen on"
      ? parseAddress(text, "source")
      : parseAddress(text, "destination");
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new InvalidValue(error.message, { cause: error });
  }
}
