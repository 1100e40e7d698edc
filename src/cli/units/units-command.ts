import { isProgram } from "../../systemd/units/unit-escaping.ts";
import type { UnitFile } from "../../systemd/units/unit-file.ts";
import { writeUnits } from "../../systemd/units/unit-files.ts";
import type { UnitPlan } from "../../systemd/units/unit-plan.ts";
import { PROGRAM } from "../../version.ts";
import { checkAdminFile, checkSource, readValues } from "../line/option-values.ts";
import { nextSteps } from "./next-steps.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { writeAll } from "../line/write-output.ts";
import { placeUnits, UnitFilesError } from "./place-unit-files.ts";
import { planUnits } from "./plan-units.ts";
import { ofAnyUsersValues, readUnitAddresses } from "./read-unit-addresses.ts";
import { hasService } from "./unit-folders.ts";

// Where the executable is expected when this one is Bun with the source.
const INSTALLED = `/usr/local/bin/${PROGRAM}`;

/** Prints the systemd units of a relay, or writes them into a folder. */
export async function runUnits({ given, words }: CommandLine): Promise<number> {
  const values = ofAnyUsersValues(readValues("units", given));
  const addresses = readUnitAddresses(words, values);
  checkSource(values, addresses.source);
  checkAdminFile(values);
  const program = programPath();
  const wanted = planUnits(addresses, values, given, program);
  if (!isProgram(program))
    return await fail(`systemd starts no program with such a path: ${program}`);
  const units = writeUnits(wanted);
  for (const warning of warnings(wanted))
    await writeAll(2, `${PROGRAM} units: warning: ${warning}\n`);
  if (values.output === undefined) return await writeAll(1, print(units));
  try {
    const files = placeUnits(values.output, units, values.force);
    return await writeAll(1, nextSteps(wanted, values.output, files));
  } catch (error) {
    if (!(error instanceof UnitFilesError)) throw error;
    return await fail(error.message);
  }
}

/** What the units cannot do, and what does it. */
function warnings({ name, service, admin, metrics }: UnitPlan): string[] {
  if (service === undefined) return [];
  return [
    ...(hasService(service) ? [] : [`this machine has no ${service}; the units need it`]),
    ...(admin === undefined || admin.kind === "unix"
      ? []
      : [
          `--admin is in the network namespace of ${service}, where nobody can ask: ` +
            `write --admin=/run/${name}-admin/socket, with --admin-mode and --admin-group`,
        ]),
    ...(metrics === undefined || metrics.kind === "unix"
      ? []
      : [
          `--metrics is in the network namespace of ${service}, where nobody can ask: ` +
            `write --metrics=/run/${name}-metrics/socket`,
        ]),
  ];
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
