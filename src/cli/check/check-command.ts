import { readConfigFile } from "../../config/read-config-file.ts";
import type { CommandLine } from "../line/parse-command-line.ts";
import { warn, writeAnswer } from "../line/write-output.ts";
import { shortIdleTime } from "../../systemd/least-exit-idle-time.ts";

/**
 * Checks a configuration file without opening a socket, and prints the number of relays in the
 * file. Warns on standard error of an idle time that is too short for a .socket unit
 * (`shortIdleTime`).
 *
 * @throws {ConfigError} if the file has mistakes; the message lists all mistakes
 */
export async function runCheck({ args: [file = ""] }: CommandLine): Promise<number> {
  const { relays, processWide } = readConfigFile(file);
  const { length } = relays;
  const warning = shortIdleTime(processWide.exitIdleTime);
  if (warning !== null) await warn(`${file}: warning: ${warning}\n`);
  return await writeAnswer(`${file}: ${length} relay${length === 1 ? "" : "s"}\n`);
}
