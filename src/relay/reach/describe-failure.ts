import { statSync, type Stats } from "node:fs";
import type { SocketEndpoint } from "../../address/address.ts";
import type { Target } from "../../address/resolve-destination.ts";
import { missingZone } from "../../address/socket-address.ts";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { networkWords } from "../check-network-namespaces.ts";
import type { Failure } from "../observer.ts";

/** The reason why one address of a destination was not reached. */
export interface AddressFailure {
  /** The address for messages; `""` if the try failed before the relay knew the address. */
  readonly address: string;
  /** The system's or the resolver's code, such as `ECONNREFUSED`. */
  readonly code: string;
}

// The codes of local errors: this machine has no route to the address, so no packet was sent.
const NO_WAY: ReadonlySet<string> = new Set([
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

// Descriptions for the codes of a temporary shortage that lasted until the timeout. They are
// clearer than the system's own descriptions of the codes.
const LACKED: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: "no local port was free",
  EAGAIN: "its queue of clients stayed full",
  EMFILE: "this process had no descriptor left",
  ENFILE: "the system had no descriptor left",
};

/**
 * Describes why a destination was not reached.
 *
 * @param failures - at least one, in the order in which they occurred
 * @param waited - whether the time limit ended while the attempt waited for the end of a temporary
 *   shortage
 */
export function describeFailure(
  target: Target,
  failures: readonly AddressFailure[],
  waited: boolean,
): Failure {
  const code = tellingCode(failures);
  const wordsOf = (code: string) =>
    (waited ? LACKED[code] : undefined) ?? ownWords(target, code) ?? errnoWords(code);
  const reasons = [...groupByCode(failures)].map(
    ([code, addresses]) => `${wordsOf(code)} (${code})${at(addresses)}`,
  );
  return {
    code,
    message: `cannot reach ${target.text}: ${reasons.join(", ")}${fixOf(target, code)}`,
  };
}

/** Returns how to fix the problem, as the end of the failure's message; `""` if that is unknown. */
function fixOf({ endpoint, netns }: Target, code: string): string {
  if (code === "EINVAL" && endpoint.kind === "tcp") return after(missingZone(endpoint.host, netns));
  if (code !== "EACCES" || endpoint.kind !== "unix") return "";
  return "; the relay's user needs a group that may open it (in a unit: SupplementaryGroups=)";
}

function after(fix: string): string {
  return fix === "" ? "" : `; ${fix}`;
}

/**
 * Chooses the code that says most about the cause of the failure. For example, an answer from one
 * address says more than a missing route to another address.
 */
function tellingCode(failures: readonly AddressFailure[]): string {
  const telling = failures.find(({ code }) => !NO_WAY.has(code)) ?? failures[0];
  if (telling === undefined) throw new Error("a failure without a reason");
  return telling.code;
}

function groupByCode(failures: readonly AddressFailure[]): Map<string, string[]> {
  const one = failures.length === 1;
  const groups = new Map<string, string[]>();
  for (const { address, code } of failures) {
    const group = groups.get(code) ?? [];
    // With only one failure the address is left out, because the message already names the
    // destination.
    if (!one) group.push(address);
    groups.set(code, group);
  }
  return groups;
}

function at(addresses: readonly string[]): string {
  return addresses.length === 0 ? "" : ` at ${addresses.join(" and ")}`;
}

/**
 * Describes a failure code more clearly than the system does; undefined if the system's own
 * description is clear.
 */
function ownWords({ endpoint, netns }: Target, code: string): string | undefined {
  // In another network namespace, ENOENT and EINVAL mean that the socket could not be made, because
  // no other call for a TCP or abstract destination gives ENOENT, and connect(2) gives EINVAL only
  // if the interface of a zone is missing.
  if (
    netns !== undefined &&
    (code === "ENOENT" || (code === "EINVAL" && !lacksZone(endpoint, netns)))
  )
    return networkWords(netns, code);
  if (code === "ETIMEDOUT") return "no answer in time";
  // ELOOP comes from the kernel if a Unix path has too many symbolic links. Otherwise it comes from
  // the relay, because the destination is the relay's own source.
  if (code === "ELOOP")
    return endpoint.kind === "unix" && isLoopOfLinks(endpoint.path)
      ? undefined
      : "it is the relay's own source";
  if (endpoint.kind === "tcp") return undefined;
  // unix(7): the kernel also gives ECONNREFUSED if the file at the path is not a socket.
  if (code === "ECONNREFUSED" && endpoint.kind === "unix") return fileWords(endpoint.path);
  if (code === "EPROTOTYPE") return "is a socket for datagrams or packets, not for streams";
  return undefined;
}

function lacksZone(endpoint: SocketEndpoint, netns: string): boolean {
  return endpoint.kind === "tcp" && missingZone(endpoint.host, netns) !== "";
}

function isLoopOfLinks(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return errorCode(error) === "ELOOP";
  }
}

/** Describes the file at a path; undefined if the file is a socket or unknown. */
function fileWords(path: string): string | undefined {
  const kind = kindOf(path);
  return kind === undefined ? undefined : `is ${kind}, not a socket`;
}

function kindOf(path: string): string | undefined {
  const stats = statOf(path);
  if (stats === undefined || stats.isSocket()) return undefined;
  if (stats.isFile()) return "a regular file";
  if (stats.isDirectory()) return "a folder";
  return stats.isFIFO() ? "a named pipe" : "a device";
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // The file has disappeared: report only the kernel's answer.
    return undefined;
  }
}
