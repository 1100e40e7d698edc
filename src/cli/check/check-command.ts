import { readConfigFile } from "../../config/read-config-file.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { writeAnswer } from "../line/write-output.ts";

/**
 * Checks a configuration file without opening a socket, and prints the number of its relays.
 *
 * @throws {ConfigError} if the file has mistakes; the message lists all mistakes
 */
export async function runCheck({ words: [file = ""] }: CommandLine): Promise<number> {
  const { length } = readConfigFile(file).relays;
  return await writeAnswer(`${file}: ${length} relay${length === 1 ? "" : "s"}\n`);
}
