import { type Endpoint, isSameNetwork, printAddress } from "./address.ts";
import { ipAddress } from "./ip-address-and-ipv4-mapping.ts";
import { canonicalPath } from "../os/canonical-path.ts";
import { isIPv4 } from "./parse-and-print-ip.ts";
import { isLoopbackName } from "./loopback.ts";

/**
 * Returns an endpoint's key in a map that is searched for equal addresses. Two endpoints with
 * different keys are different addresses. Two endpoints with the same key may be the same address,
 * so the caller must compare the endpoints.
 */
export function searchKeyOf(endpoint: Endpoint): string {
  if (endpoint.kind === "unix") return canonicalPath(endpoint.path);
  return endpoint.kind === "tcp" ? `:${endpoint.port}` : printAddress(endpoint);
}

/**
 * Whether two listeners would listen on the same address. An address that stands for many
 * addresses, such as `0.0.0.0`, counts as the same as each of these addresses.
 */
export function isSameSource(one: Endpoint, other: Endpoint): boolean {
  if (!isSameNetwork(one, other)) return false;
  if (one.kind !== other.kind || searchKeyOf(one) !== searchKeyOf(other)) return false;
  if (one.kind !== "tcp" || other.kind !== "tcp") return true;
  // Two listeners with port 0 are never on the same address, because the system chooses a different
  // free port for each.
  return one.port !== 0 && overlap(one.host, other.host);
}

function overlap(one: string, other: string): boolean {
  if (isEverywhere(one) || isEverywhere(other)) return true;
  const [these, those] = [addressesOf(one), addressesOf(other)];
  if (these.includes(EVERY_IPV4)) return those.some(isIPv4);
  if (those.includes(EVERY_IPV4)) return these.some(isIPv4);
  return these.some((address) => those.includes(address));
}

const EVERY_IPV4 = "0.0.0.0";

/** Whether `host` stands for every address of both IP families. */
function isEverywhere(host: string): boolean {
  return host === "" || ipAddress(host)?.text === "::";
}

/** The IP addresses of a host. A name that needs a resolver stays a name. */
function addressesOf(host: string): readonly string[] {
  if (isLoopbackName(host)) return ["127.0.0.1", "::1"];
  return [(host.includes("%") ? undefined : ipAddress(host)?.text) ?? host.toLowerCase()];
}
