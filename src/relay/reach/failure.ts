import { statSync, type Stats } from "node:fs";
import type { Target } from "../../address/resolve-destination.ts";
import { errnoWords } from "../../os/errno.ts";
import type { Failure } from "../observer.ts";

/** Why one address of a destination was not reached. */
export interface AddressFailure {
  /** As a person reads it; `""` where it did not come to an address. */
  readonly address: string;
  /** The system's or the resolver's code, as `ECONNREFUSED`. */
  readonly code: string;
}

// What this machine says before it asks anybody: it has no way to addresses of that kind.
const NO_WAY: ReadonlySet<string> = new Set([
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

// What was lacking until the time was up, where that is more than the code's own words.
const LACKED: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: "no local port was free",
  EAGAIN: "its queue of clients stayed full",
  EMFILE: "this process had no descriptor left",
  ENFILE: "the system had no descriptor left",
};

/**
 * What a person is to know of a destination that was not reached.
 *
 * @param failures - at least one, in the order in which they came
 * @param waited - whether the time was up while the attempt waited for what was lacking
 */
export function failureOf(
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

/** What helps, as the end of a message; empty where nobody knows. */
function fixOf({ endpoint }: Target, code: string): string {
  if (code !== "EACCES" || endpoint.kind !== "unix") return "";
  return "; the relay's user needs a group that may open it (in a unit: SupplementaryGroups=)";
}

/** One code for all: what an address answered tells more than that there is no way to another. */
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
    // The destination itself is named already.
    if (!one) group.push(address);
    groups.set(code, group);
  }
  return groups;
}

function at(addresses: readonly string[]): string {
  return addresses.length === 0 ? "" : ` at ${addresses.join(" and ")}`;
}

/** Words for what the system's own ones would leave unsaid; undefined where they are right. */
function ownWords({ endpoint }: Target, code: string): string | undefined {
  if (code === "ETIMEDOUT") return "no answer in time";
  if (code === "ELOOP") return "it is the relay's own source";
  if (endpoint.kind === "tcp") return undefined;
  // unix(7): the kernel refuses the same way where the path leads to no socket at all.
  if (code === "ECONNREFUSED" && endpoint.kind === "unix") return fileWords(endpoint.path);
  if (code === "EPROTOTYPE") return "is a socket for datagrams or packets, not for streams";
  return undefined;
}

/** What is at a path, in the words of a person; undefined where it is a socket, or unknown. */
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
    // Gone meanwhile: the kernel's answer is all that is known.
    return undefined;
  }
}
