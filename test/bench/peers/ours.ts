import { printAddress } from "../../../src/index.ts";
import { executablePath } from "../../support/process/executable.ts";
import { outputOf, versionIn } from "../programs.ts";
import type { Peer } from "./peer.ts";

/** The compiled executable as anyone would start it, with options. */
export async function findOurs(...options: string[]): Promise<Peer> {
  return findExecutable(await executablePath(), ...options);
}

/** An executable of our own, with options. */
export async function findExecutable(path: string, ...options: string[]): Promise<Peer> {
  return {
    version: versionIn(await outputOf(path, "--version")),
    command: ({ source, destination }) => [
      path,
      ...options,
      printAddress(source),
      printAddress(destination),
    ],
  };
}
