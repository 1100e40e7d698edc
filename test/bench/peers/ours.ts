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

/**
 * The same with as many relays in one process; all have the same destination, and one gets the
 * load.
 */
export async function findOursWithRelays(relays: number): Promise<Peer> {
  const path = await executablePath();
  return {
    version: versionIn(await outputOf(path, "--version")),
    async command(task) {
      const file = `${task.path}.toml`;
      const destination = printAddress(task.destination);
      const sources = Array.from({ length: relays }, (_, index) =>
        index === 0 ? printAddress(task.source) : `${task.path}-${index}.sock`,
      );
      const tables = sources.map(
        (source, index) =>
          `[relay.r${index}]\nsource = "${source}"\ndestination = "${destination}"\n`,
      );
      await Bun.write(file, tables.join("\n"));
      return [path, `--config=${file}`];
    },
  };
}
