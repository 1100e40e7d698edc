import { printAddress } from "../../../src/index.ts";
import type { Address } from "../load/messages.ts";
import { findProgram, outputOf, versionIn } from "../programs.ts";
import { BACKLOG, type Peer, type Task } from "./peer.ts";

/** HAProxy with one thread. */
export async function findHaproxy(): Promise<Peer | undefined> {
  const program = findProgram("haproxy");
  if (program === undefined) return undefined;
  return {
    version: versionIn(await outputOf(program, "-v")),
    async command(task) {
      const file = `${task.path}.cfg`;
      await Bun.write(file, configuration(task));
      return [program, "-db", "-f", file];
    },
  };
}

function configuration({ source, destination }: Task): string {
  return `
global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen relay
  bind ${nameOf(source)} backlog ${BACKLOG}
  server destination ${nameOf(destination)}
`;
}

function nameOf(address: Address): string {
  return address.kind === "tcp" ? printAddress(address) : `unix@${address.path}`;
}
