import { findProgram, outputOf, versionIn } from "../programs.ts";
import { BACKLOG, type Peer } from "./peer.ts";

// As large as systemd-socket-proxyd's; socat's own 8 KiB would be an unfair comparison.
const BUFFER = 262_144;

/** socat, with a process a connection. */
export async function findSocat(): Promise<Peer | undefined> {
  const program = findProgram("socat");
  if (program === undefined) return undefined;
  return {
    version: versionIn(await outputOf(program, "-V")),
    command: ({ source, destination }) => [
      program,
      "-b",
      `${BUFFER}`,
      source.kind === "tcp"
        ? `TCP-LISTEN:${source.port},bind=${source.host},fork,reuseaddr,backlog=${BACKLOG}`
        : `UNIX-LISTEN:${source.path},fork,backlog=${BACKLOG}`,
      destination.kind === "tcp"
        ? `TCP:${destination.host}:${destination.port}`
        : `UNIX-CONNECT:${destination.path}`,
    ],
  };
}
