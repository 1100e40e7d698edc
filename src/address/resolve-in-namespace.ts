import { existsSync } from "node:fs";
import { networkPath } from "../os/sockets-in-namespace.ts";

/** An IP address that a resolver found for a name. */
export interface FoundAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * The error about a name that could not be resolved. `code` is an error code of `node:dns`, such as
 * `ENOTFOUND`.
 */
class LookupError extends Error {
  constructor(
    readonly code: string,
    options?: ErrorOptions,
  ) {
    super(code, options);
  }
}

// The exit status of getent(1) for "one or more supplied key could not be found in the database".
const NOT_FOUND = 2;

/**
 * Resolves a name in a network namespace, so that the queries go to the name servers that are
 * reachable there. A child process enters the namespace and runs `getent`. Bun's own threads cannot
 * do this, because they resolve names in the namespace of this process. A thread that entered
 * another namespace could do other work of the process there.
 *
 * If `netns` is a name and the folder /etc/netns/NAME exists, `ip netns exec` runs `getent`, so
 * that the files of this folder, for example resolv.conf, replace the files in /etc (ip-netns(8)).
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
    // The command could not be started. nsenter belongs to util-linux and ip to iproute2, and a
    // container may lack both.
    throw new LookupError("EAI_FAIL", { cause: error });
  }
}

/** The addresses in the output of `getent ahosts`, without duplicates, in the resolver's order. */
export function foundAddresses(text: string): readonly FoundAddress[] {
  const addresses = text.split("\n").flatMap((line) => /^\S+/.exec(line)?.[0] ?? []);
  return [...new Set(addresses)].map((address) => ({
    address,
    family: address.includes(":") ? 6 : 4,
  }));
}
