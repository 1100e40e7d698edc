import { loadConfig } from "../../config/read-config-file.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { writeAll } from "../line/write-output.ts";

/**
 * Checks a configuration file, and opens no socket.
 *
 * @throws {ConfigError} with every mistake of the file
 */
export async function runCheck({ words: [file = ""] }: CommandLine): Promise<number> {
  const { length } = loadConfig(file).relays;
  return await writeAll(1, `${file}: ${length} relay${length === 1 ? "" : "s"}\n`);
}
