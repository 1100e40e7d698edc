import { existsSync } from "node:fs";
import { networkPath } from "../os/sockets-in-network.ts";

/** An address that a name has. */
export interface FoundAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** A name could not be resolved; `code` as of getaddrinfo(3). */
class LookupError extends Error {
  constructor(
    readonly code: string,
    options?: ErrorOptions,
  ) {
    super(code, options);
  }
}

// getent(1): "one or more supplied key could not be found in the database".
const NOT_FOUND = 2;

/**
 * Resolves a name in a network namespace, so that the questions go to the name servers that are
 * reachable there. `getent` does it in a process of its own: the runtime's threads resolve names
 * where this process is, and a thread that is somewhere else could do other work there.
 *
 * As in ip-netns(8), /etc/netns/NAME/resolv.conf holds the name servers of a named namespace, if
 * that file exists, in place of /etc/resolv.conf.
 */
export async function resolveInNetwork(
  host: string,
  netns: string,
): Promise<readonly FoundAddress[]> {
  const lookUp = ["getent", "ahosts", host];
  const hasOwnFiles = !netns.includes("/") && existsSync(`/etc/netns/${netns}`);
  const command = hasOwnFiles
    ? ["ip", "netns", "exec", netns, ...lookUp]
    : ["nsenter", `--net=${networkPath(netns)}`, "--", ...lookUp];
  const child = spawn(command);
  const text = await new Response(child.stdout).text();
  const status = await child.exited;
  const found = foundAddresses(text);
  if (found.length > 0) return found;
  throw new LookupError(status === NOT_FOUND ? "ENOTFOUND" : "EAI_AGAIN");
}

function spawn(command: string[]) {
  try {
    return Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  } catch (error) {
    // nsenter is in util-linux, ip in iproute2; a container may lack them.
    throw new LookupError("EAI_FAIL", { cause: error });
  }
}

/** The addresses in the lines of `getent ahosts`, each once, in the resolver's order. */
export function foundAddresses(text: string): readonly FoundAddress[] {
  const addresses = text.split("\n").flatMap((line) => /^\S+/.exec(line)?.[0] ?? []);
  return [...new Set(addresses)].map((address) => ({
    address,
    family: address.includes(":") ? 6 : 4,
  }));
}
