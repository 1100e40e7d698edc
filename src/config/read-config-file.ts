import { readFileSync } from "node:fs";
import { errnoWords, errorCode } from "../os/errno.ts";
import { ConfigError } from "./config-error.ts";
import { type ConfigPlan, parseConfig } from "./parse-config.ts";
import type { PlacedOptions } from "./parse-options-and-unknown-keys.ts";

/**
 * Loads a configuration file.
 *
 * @throws {ConfigError} if the file cannot be read or has mistakes
 */
export function readConfigFile(file: string, overrides?: PlacedOptions): ConfigPlan {
  return parseConfig(file, textOf(file), overrides);
}

function textOf(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (error) {
    const code = errorCode(error);
    const reason =
      code === "ERR_ENCODING_INVALID_ENCODED_DATA" ? "it is not UTF-8" : errnoWords(code);
    const fix = file === "-" ? "; for standard input write /dev/stdin" : "";
    const message = `cannot be read: ${reason}${fix}`;
    throw new ConfigError(file, [{ at: null, key: "", message }]);
  }
}
