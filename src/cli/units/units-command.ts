import type { OptionValues } from "../../options/option-table.ts";
import { isProgram } from "../../systemd/units/unit-escaping.ts";
import type { UnitFile } from "../../systemd/units/unit-file.ts";
import { writeUnits } from "../../systemd/units/write-units.ts";
import type { UnitPlan } from "../../systemd/units/unit-plan.ts";
import { PROGRAM } from "../../program/version.ts";
import { checkAddresses, checkAdminFile, readValues } from "../line/typed-option-values.ts";
import { nextSteps } from "./next-steps.ts";
import type { CommandLine, GivenOptions } from "../line/parse-command-line.ts";
import { complain, warn, writeAnswer } from "../line/write-output.ts";
import { joinableFolder, placeUnits, UnitFilesError } from "./place-unit-files.ts";
import { checkSandbox } from "./check-options-of-units.ts";
import { planFileUnits } from "./plan-file-units.ts";
import { planUnits } from "./plan-units.ts";
import { ofAnyUsersValues } from "./paths-for-any-user.ts";
import { readUnitAddresses } from "./read-unit-addresses.ts";
import { unitWarnings } from "./unit-warnings.ts";

// The path of the program in the units if Bun runs the source code. In this case the process does
// not know where a compiled executable is.
const INSTALLED = `/usr/local/bin/${PROGRAM}`;

/** Prints the systemd units of a relay, or writes them into a folder. */
export async function runUnits({ given, args }: CommandLine): Promise<number> {
  const program = programPath();
  const values = readValues("units", given);
  const wanted = planOf(args, values, given, program);
  if (!isProgram(program))
    return await fail(`systemd cannot start a program with this path: ${program}`);
  const units = writeUnits(wanted);
  for (const warning of unitWarnings(wanted, values.config))
    await warn(`${PROGRAM} units: warning: ${warning}\n`);
  if (values.output === undefined) return await writeAnswer(print(units));
  try {
    const folder = joinableFolder(values.output);
    const files = placeUnits(folder, units, values.force);
    return await writeAnswer(nextSteps(wanted, folder, files));
  } catch (error) {
    if (!(error instanceof UnitFilesError)) throw error;
    return await fail(error.message);
  }
}

function planOf(
  args: readonly string[],
  written: OptionValues,
  given: GivenOptions,
  program: string,
): UnitPlan {
  if (written.config !== undefined) return planFileUnits(written.config, written, given, program);
  const values = ofAnyUsersValues(written);
  const addresses = readUnitAddresses(args, values);
  checkAddresses(values, addresses);
  checkSandbox(values);
  checkAdminFile(values);
  return planUnits(addresses, values, given, program);
}

async function fail(message: string): Promise<1> {
  await complain(`${PROGRAM} units: ${message}\n`);
  return 1;
}

function print(units: readonly UnitFile[]): string {
  return units.map(({ name, text }) => `# ${name}\n${text}`).join("\n");
}

/**
 * The path of the program for the units: the path of this executable, or `INSTALLED` if Bun runs
 * the source code. Bun.main is below /$bunfs/ only in a compiled executable.
 */
function programPath(): string {
  return Bun.main.startsWith("/$bunfs/") ? process.execPath : INSTALLED;
}
