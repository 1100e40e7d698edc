import { describe, expect, test } from "bun:test";
import { readCommandLine } from "../../../../src/cli/line/parse-command-line.ts";
import { readValues } from "../../../../src/cli/line/typed-option-values.ts";
import { planUnits } from "../../../../src/cli/units/plan-units.ts";
import { readUnitAddresses } from "../../../../src/cli/units/read-unit-addresses.ts";
import { unitWarnings } from "../../../../src/cli/units/unit-warnings.ts";

/** The warnings of a command line of `units`. */
function warningsOf(...argv: readonly string[]): readonly string[] {
  const { given, args } = readCommandLine(["units", ...argv]);
  const values = readValues("units", given);
  return unitWarnings(
    planUnits(readUnitAddresses(args, values), values, given, "/bin/relay"),
    values.config,
  );
}

const pair = ["/run/app/socket", ":1"];

describe("a mode for a group that has no clients", () => {
  test("is warned of", () => {
    expect(warningsOf("--mode=0660", ...pair)).toEqual([
      "--mode=0660 without --group lets in nobody but root: add --group=GROUP",
    ]);
  });

  test("is warned of in other words, if the relay makes the file", () => {
    expect(warningsOf("--mode=660", "--no-socket", ...pair)).toEqual([
      "--mode=660 without --group lets in nobody but root and the relay's own user: add --group=GROUP",
    ]);
  });

  test.each([
    [["--mode=0660", "--group=daemon"]],
    [["--mode=0660", "--owner=daemon"]],
    [["--mode=0666"]],
    [["--mode=0600"]],
    [[]],
  ])("is not what %j is", (options) => {
    expect(warningsOf(...options, ...pair)).toEqual([]);
  });

  test("is what a user's own units may have", () => {
    expect(warningsOf("--mode=0660", "--user-unit", "%t/app/socket", ":1")).toEqual([]);
  });
});

test("a server in a service's network is warned of, with a path that each instance has", () => {
  const options = ["--name=x@", "--service=a@%i", "--admin=127.0.0.1:1", "--metrics=:2"];
  const warnings = warningsOf(...options, "/run/x-%i/socket", ":1").join("\n");
  expect(warnings).toContain("write --admin=/run/x-%i-admin/socket, with --admin-mode");
  expect(warnings).toContain("write --metrics=/run/x-%i-metrics/socket");
});
