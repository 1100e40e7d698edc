import { isProgram } from "../../systemd/units/unit-escaping.ts";
import { type UnitFile, writeUnits } from "../../systemd/units/unit-files.ts";
import { PROGRAM } from "../../version.ts";
import { readAddresses } from "../line/read-addresses.ts";
import { checkSource, readValues } from "../line/option-values.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { nextSteps } from "./next-steps.ts";
import { writeAll } from "../line/write-output.ts";
import { placeUnits, UnitFilesError } from "./place-unit-files.ts";
import { planUnits } from "./plan-units.ts";

// Where the executable is expected when this one is Bun with the source.
const INSTALLED = `/usr/local/bin/${PROGRAM}`;

/** Prints the systemd units of a relay, or writes them into a folder. */
export async function runUnits({ given, words }: CommandLine): Promise<number> {
  const values = readValues("units", given);
  const addresses = readAddresses(words);
  checkSource(values, addresses.source);
  const program = programPath();
  const wanted = planUnits(addresses, values, given, program);
  if (!isProgram(program))
    return await fail(`systemd starts no program with such a path: ${program}`);
  const units = writeUnits(wanted);
  if (values.output === undefined) return await writeAll(1, print(units));
  try {
    const files = placeUnits(values.output, units, values.force);
    return await writeAll(1, nextSteps(wanted, values.output, files));
  } catch (error) {
    if (!(error instanceof UnitFilesError)) throw error;
    return await fail(error.message);
  }
}

async function fail(message: string): Promise<1> {
  await writeAll(2, `${PROGRAM} units: ${message}\n`);
  return 1;
}

function print(units: readonly UnitFile[]): string {
  return units.map(({ name, text }) => `# ${name}\n${text}`).join("\n");
}

/** This executable; a file within one has a path that no other file has. */
function programPath(): string {
  return Bun.main.startsWith("/$bunfs/") ? process.execPath : INSTALLED;
}
