import { describe, expect, test } from "bun:test";
import { InvalidValue } from "../../../src/options/invalid-value-error.ts";
import { OPTIONS } from "../../../src/options/option-table.ts";
import {
  RELAY_OPTION_NAMES,
  RELAY_OPTIONS,
} from "../../../src/options/types-and-ranges-of-relay-options.ts";

/** One value as it is written on a command line, in a file, and by a program. */
type Same = readonly [commandLine: string, file: unknown, program: unknown];

// Of each option that people can give. The last of the three is also what all of them mean.
const SAME: Readonly<Record<string, readonly Same[]>> = {
  mode: [
    ["0660", "0660", 0o660],
    ["0", "0", 0],
  ],
  owner: [
    ["root", "root", 0],
    ["1000", 1000, 1000],
    ["1000", "1000", 1000],
  ],
  group: [["root", "root", 0]],
  directoryMode: [["0755", "0755", 0o755]],
  backlog: [["0", 0, 0]],
  connectionsMaxPerClient: [["1", 1, 1]],
  connectionsMax: [["2147483647", 2_147_483_647, 2_147_483_647]],
  connectTimeout: [
    ["5s", "5s", 5_000],
    ["5", "5", 5_000],
    ["1ms", "1ms", 1],
  ],
  connectRetry: [["0", "0", 0]],
  keepalive: [
    ["0", "0", 0],
    ["2min", "2min", 120_000],
  ],
  idleTimeout: [["1h", "1h", 3_600_000]],
  halfCloseTimeout: [["1h", "1h", 3_600_000]],
  drainTimeout: [["0", "0", 0]],
  allowUsers: [["root,1000", ["root", 1000], [0, 1_000]]],
  allowGroups: [["0", [0], [0]]],
  proxyProtocol: [["v2", "v2", "v2"]],
  capture: [["./a.pcapng", "./a.pcapng", "./a.pcapng"]],
  captureBytes: [["40", 40, 40]],
  captureMax: [
    ["128K", "128K", 131_072],
    ["1G", "1073741824", 1_073_741_824],
  ],
  sourceNetns: [["vpn", "vpn", "vpn"]],
  destinationNetns: [["/proc/7/ns/net", "/proc/7/ns/net", "/proc/7/ns/net"]],
};

const ranges = { family: "ipv4", network: "10.0.0.0", prefix: 8 };

describe("a value means the same on the command line, in a file and in a program", () => {
  test.each(
    Object.entries(SAME).flatMap(([name, values]) =>
      values.map((same) => [name as keyof typeof SAME, ...same] as const),
    ),
  )("%s: %j, %j, %j", (name, commandLine, file, program) => {
    const row = OPTIONS[name as "backlog"];
    expect<unknown>(row.parse(commandLine)).toEqual(program);
    expect<unknown>(row.read(file)).toEqual(program);
    expect<unknown>(row.take(program)).toEqual(program);
  });

  test.each(["allow", "deny", "acceptProxyFrom"] as const)("%s", (name) => {
    const row = OPTIONS[name];
    expect<unknown>(row.parse("10.0.0.0/8,10.0.0.0/8")).toEqual([ranges, ranges]);
    expect<unknown>(row.read(["10.0.0.0/8"])).toEqual([ranges]);
    expect<unknown>(row.take(["10.0.0.0/8", row.parse("10.0.0.0/8")[0]])).toEqual([ranges, ranges]);
  });

  test("each option of a person that has a value is among them", () => {
    const given = RELAY_OPTION_NAMES.filter(
      (name) => name in OPTIONS && "metavar" in OPTIONS[name as "backlog"],
    );
    expect([...Object.keys(SAME), "allow", "deny", "acceptProxyFrom"].sort()).toEqual(
      [...given].sort(),
    );
  });
});

describe("a file's value of another type is refused", () => {
  test.each<[keyof typeof RELAY_OPTIONS, unknown, string]>([
    ["connectTimeout", 5, '5 is not text; write it in quotes, like "5s"'],
    ["connectTimeout", true, "true is not text"],
    ["mode", 660, '660 is not text; write it in quotes, like "0660"'],
    ["mode", 0o660, '432 is not text; write it in quotes, like "0660"'],
    ["backlog", "100", '"100" is text; write 100 without quotes'],
    ["backlog", 1.5, "1.5 is not a number"],
    ["backlog", Infinity, "Infinity is not a number"],
    ["owner", -1, "-1 is not a user id"],
    ["owner", 1.5, "1.5 is not a user id"],
    ["owner", [], "a list is not a user id"],
    ["allow", "10.0.0.0/8", '"10.0.0.0/8" is not a list; write [ ] around it'],
    ["allow", [], "the list is empty; leave the option out"],
    ["allow", [["10.0.0.0/8"]], "a list is not text"],
    ["allow", ["10.0.0.0/8,10.0.0.0/8"], "needs a prefix length"],
    ["proxyProtocol", 2, "2 is not one of v1, v2"],
    ["idleTimeout", new Date(0), "a date is not text"],
    ["idleTimeout", {}, "an object is not text"],
  ])("%s: %j", (name, value, message) => {
    expect(() => RELAY_OPTIONS[name].read(value)).toThrow(InvalidValue);
    expect(() => RELAY_OPTIONS[name].read(value)).toThrow(message);
  });
});
