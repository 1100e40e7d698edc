import { existsSync } from "node:fs";
import { printAddress } from "../../../src/index.ts";
import { findProgram, outputOf, versionIn } from "../programs.ts";
import { MOST_CONNECTIONS, type Peer } from "./peer.ts";

const PATHS = [
  "/lib/systemd/systemd-socket-proxyd",
  "/usr/lib/systemd/systemd-socket-proxyd",
  "/usr/libexec/systemd-socket-proxyd",
];

/** systemd-socket-proxyd, activated by its first connection. */
export async function findSocketProxyd(): Promise<Peer | undefined> {
  const activate = findProgram("systemd-socket-activate");
  const program = PATHS.find(existsSync);
  if (activate === undefined || program === undefined) return undefined;
  return {
    version: versionIn(await outputOf(program, "--version")),
    command: ({ source, destination }) => [
      activate,
      `--listen=${printAddress(source)}`,
      program,
      `--connections-max=${MOST_CONNECTIONS}`,
      printAddress(destination),
    ],
  };
}
