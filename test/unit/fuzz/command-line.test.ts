import { expect, test } from "bun:test";
import fc from "fast-check";
import { CONTROL_CHARACTER } from "../../support/control-character.ts";
import { checkDistinct, readAddresses } from "../../../src/cli/line/read-addresses.ts";
import { parseAdminAddress } from "../../../src/options/admin-address.ts";
import {
  checkAddresses,
  readValues,
  shownOptions,
} from "../../../src/cli/line/typed-option-values.ts";
import { UsageError } from "../../../src/cli/line/usage-error.ts";
import { InvalidValue } from "../../../src/options/invalid-value-error.ts";
import { flagOf, OPTION_ROWS, type OptionName } from "../../../src/options/option-table.ts";
import { readCommandLine } from "../../../src/cli/line/parse-command-line.ts";
import { planUnits } from "../../../src/cli/units/plan-units.ts";
import { holds } from "../../support/property.ts";
import { roundsOf } from "../../support/repeat.ts";

const flags = OPTION_ROWS.map(([name]) => `--${flagOf(name)}`);
const plausible = fc.constantFrom(
  ...["0660", "5s", "0", "1h", "v1", "json", "127.0.0.0/8,::1", "x.service", "age", "./admin"],
);

// Names of users and groups are asked of another program, which thousands of runs would start.
const ASK_OTHERS: readonly OptionName[] = [
  ...(["owner", "group", "allowUsers", "allowGroups", "user"] as const),
  ...(["adminGroup", "supplementaryGroups"] as const),
];
const asking = new Set(ASK_OTHERS.map((name) => `--${flagOf(name)}`));
const asksOthers = (args: readonly string[]) =>
  args.some((arg) => asking.has(arg.split("=")[0] ?? ""));

const address = fc.oneof(
  fc.constantFrom(
    "127.0.0.1:80",
    "[::1]:0",
    ":1",
    "./a",
    "/run/x",
    "@n",
    "systemd",
    "fd:3",
    "tcp:x:1",
  ),
  fc.string({ unit: fc.constantFrom(..."/@:.[]%019af-x \0".split("")), maxLength: 12 }),
);
const option = fc
  .tuple(fc.constantFrom(...flags), fc.oneof(plausible, address, fc.string()))
  .map(([flag, value]) => `${flag}=${value}`);
const command = fc.constantFrom("demo", "status", "units", "--", "-h", "-", "--=", "--no-mode");
const words = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: address },
    { weight: 4, arbitrary: option },
    { weight: 1, arbitrary: fc.oneof(fc.constantFrom(...flags), command) },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  ),
  { maxLength: 6 },
);

/** All that is done with a command line before its command does anything. */
function readAll(args: readonly string[]): void {
  const line = readCommandLine(args);
  if (line.asks !== undefined) return;
  const { given } = line;
  const values = readValues(line.command, given);
  shownOptions(line.command, given);
  if (line.command === "status") {
    readAdmin(line.args[0] ?? "");
  } else if (given["config"] !== undefined) {
    // The file is read by tests of its own.
  } else if (line.command === "relay" || line.command === "units") {
    const addresses = readAddresses(line.args);
    if (line.command === "units") planUnits(addresses, values, given, "/usr/bin/relay");
    else checkDistinct(addresses, values);
    checkAddresses(values, addresses);
  }
}

function readAdmin(text: string): void {
  try {
    parseAdminAddress(text, "to ask");
  } catch (error) {
    // The command makes a usage error of it.
    if (!(error instanceof InvalidValue)) throw error;
  }
}

test("whatever the words, they mean something or one line says what is wrong", () => {
  let meant = 0;
  holds(
    import.meta.path,
    fc.property(words, (args) => {
      fc.pre(!asksOthers(args));
      try {
        readAll(args);
        meant += 1;
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        expect(error.message).not.toMatch(CONTROL_CHARACTER);
      }
    }),
    { runs: 10_000 },
  );
  expect(meant).toBeGreaterThan(roundsOf(50));
});
