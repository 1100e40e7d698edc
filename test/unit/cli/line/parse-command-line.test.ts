import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CONTROL_CHARACTER } from "../../../support/control-character.ts";
import { UsageError } from "../../../../src/cli/line/usage-error.ts";
import { flagOf, OPTION_ROWS } from "../../../../src/options/option-table.ts";
import { commandNamed, readCommandLine } from "../../../../src/cli/line/parse-command-line.ts";
import type { CommandName } from "../../../../src/options/commands.ts";
import { holds } from "../../../support/property.ts";

const pair = [":1", ":2"];

describe("a command line of the right shape", () => {
  test.each([
    [pair, "relay", {}, pair],
    [["./a", "@b"], "relay", {}, ["./a", "@b"]],
    [["--mode=0660", ...pair], "relay", { mode: "0660" }, pair],
    [["--mode", "0660", ...pair], "relay", { mode: "0660" }, pair],
    [[":1", "--mode=0660", ":2"], "relay", { mode: "0660" }, pair],
    [[...pair, "--mode", "0660"], "relay", { mode: "0660" }, pair],
    [["--owner=a=b", ...pair], "relay", { owner: "a=b" }, pair],
    [["--owner=-x", ...pair], "relay", { owner: "-x" }, pair],
    [["--allow=::1", ":1", "--allow", "::2,::3", ":2"], "relay", { allow: "::1,::2,::3" }, pair],
    [["--", ...pair], "relay", {}, pair],
    [["--mode=0", "--", "--help:1", "-x:2"], "relay", { mode: "0" }, ["--help:1", "-x:2"]],
    [["--", "--no-keepalive:1", "--mode=0"], "relay", {}, ["--no-keepalive:1", "--mode=0"]],
    [["--", "demo", ":2"], "relay", {}, ["demo", ":2"]],
    [["", ":2"], "relay", {}, ["", ":2"]],
    [["systemd", ":2"], "relay", {}, ["systemd", ":2"]],
    [["./demo", ":2"], "relay", {}, ["./demo", ":2"]],
    [["--config=x.toml"], "relay", { config: "x.toml" }, []],
    [["check", "x.toml"], "check", {}, ["x.toml"]],
    [["demo"], "demo", {}, []],
    [["demo", "--hold"], "demo", { hold: true }, []],
    [["--hold", "demo"], "demo", { hold: true }, []],
  ] as const)("%j", (argv, command, given, args) => {
    expect(readCommandLine([...argv])).toEqual({
      command,
      asks: undefined,
      given,
      args: [...args],
    });
  });

  test.each([
    [["--help"], "relay", "help"],
    [["-h"], "relay", "help"],
    [["--help", "--version"], "relay", "help"],
    [["--help", "x", "y", "z"], "relay", "help"],
    [["--help", "--mode=nonsense"], "relay", "help"],
    [["demo", "--help"], "demo", "help"],
    [["--help", "demo"], "demo", "help"],
    [["--version"], "relay", "version"],
  ] as const)("%j asks", (args, command, asks) => {
    expect(readCommandLine([...args])).toMatchObject({ command, asks });
  });
});

describe("a command line of the wrong shape is refused, with what is wrong", () => {
  test.each<[string[], string]>([
    [[], "SOURCE and DESTINATION are missing"],
    [["--mode=0660"], "SOURCE and DESTINATION are missing"],
    [[":1"], "DESTINATION is missing"],
    [["--", ":1"], "DESTINATION is missing"],
    [[...pair, ":3"], '":3" is one argument too many for a relay'],
    [
      ["--config=x", ":1", ":2"],
      '":1" is one argument too many for a relay with --config: the file has the addresses',
    ],
    [["check"], "FILE is missing"],
    [["check", "x", "y"], '"y" is one argument too many for check'],
    [["check", "--mode=0660", "x"], "--mode is not an option of check"],
    [["demo", ":1"], '":1" is one argument too many for demo'],
    [["--mod=0660", ...pair], 'there is no option "--mod"; did you mean --mode?'],
    [["--verbose", ...pair], 'there is no option "--verbose"'],
    [["-v", ...pair], 'there is no option "-v"'],
    [["-mode=0660", ...pair], 'there is no option "-mode"; did you mean --mode?'],
    [["-hx", ...pair], 'there is no option "-hx"'],
    [["--no-help", ...pair], 'there is no option "--no-help"; did you mean --help?'],
    [["--connectTimeout=5", ...pair], "did you mean --connect-timeout?"],
    [["--Mode=0660", ...pair], "did you mean --mode?"],
    [["---mode=0660", ...pair], 'there is no option "---mode"; did you mean --mode?'],
    [["--=x", ...pair], 'there is no option "--"'],
    [["--constructor", ...pair], 'there is no option "--constructor"'],
    [["--__proto__=1", ...pair], 'there is no option "--__proto__"'],
    [["--mode\u001b[31m", ...pair], 'there is no option "--mode\\u001b[31m"'],
    [["--mode\u009b31m\u007f", ...pair], 'there is no option "--mode\\u009b31m\\u007f"'],
    [["--help", "--bogus"], 'there is no option "--bogus"'],
    [["--mode=1", "--mode=1", ...pair], "--mode is given more than once"],
    [["--help", "-h"], "-h is given more than once"],
    [["--mode=", ...pair], "--mode lacks its value: --mode=MODE"],
    [["--mode", "", ...pair], "--mode lacks its value"],
    [[...pair, "--mode"], "--mode lacks its value"],
    [["--mode", "--owner=x", ...pair], "--mode lacks its value"],
    [["--mode", "--", ...pair], "--mode lacks its value"],
    [["--mode", "-1", ...pair], "--mode lacks its value"],
    [["--help=yes"], "--help takes no value"],
    [["--version="], "--version takes no value"],
    [["demo", "--hold=no"], "--hold takes no value"],
    [["--hold", ...pair], "--hold is not an option of a relay, but of demo"],
    [["demo", "--mode=0660"], "--mode is not an option of demo"],
    [["demo", "--version"], "--version is not an option of demo"],
    [["units", "--watch", ...pair], "--watch is not an option of units, but of status"],
    [
      ["status", "--config=x", "y"],
      "--config is not an option of status, but of a relay and units",
    ],
    [["unit", "--help"], '"unit" is not a command; did you mean units?'],
    [["dmeo"], '"dmeo" is not a command; did you mean demo?'],
    [["Demo"], '"Demo" is not a command; did you mean demo?'],
    [["statsu", "/run/x"], '"statsu" is not a command; did you mean status?'],
    [["completion", "bash"], '"completion" is not a command; did you mean completions?'],
    [["relay", ...pair], 'a relay is the default command: leave out the word "relay"'],
    [["."], "status, units, version) nor an address (./PATH, HOST:PORT)"],
    [[".socket"], "nor an address (./.socket)"],
    [["tcp"], "nor an address (./tcp)"],
    [["app"], "nor an address (./app, app:PORT)"],
    [["toString"], '"toString" is neither a command (check, completions, demo, help, status'],
    [["relays.toml"], '"relays.toml" is a file, not an address; write --config=relays.toml'],
    [["app.sock", ":1"], "nor an address (./app.sock, app.sock:PORT)"],
    [["a b", ":1"], "nor an address (./PATH, HOST:PORT)"],
    [["--access-log", "yes", ...pair], '--access-log takes no value: leave out "yes"'],
    [["web", ":1"], "nor an address (./web, web:PORT)"],
    [["version", "x"], '"x" is one argument too many for version'],
    [["help", "units", "x"], '"x" is one argument too many for help'],
    [
      ["--mode", ":1", ":2"],
      'DESTINATION is missing: --mode took ":1" as its value; write --mode=MODE',
    ],
    [["--admin", "/run/x", ":1"], 'DESTINATION is missing: --admin took "/run/x" as its value'],
    [["--workers", "auto", "--name", "./x", ":1"], '--name took "./x" as its value'],
    [["status", "--sort", "/run/x"], 'ADMIN-ADDRESS is missing: --sort took "/run/x" as its value'],
    [["status", "--srot", "/run/x"], 'there is no option "--srot"; did you mean --sort?'],
    // The runtime gives U+FFFD for bytes that are not UTF-8.
    [["--capture=./\ufffd", ...pair], '--capture "./\ufffd": not valid UTF-8'],
    [["--config", "\ufffd.toml"], '--config "\ufffd.toml": not valid UTF-8'],
    [["check", "\ufffd.toml"], 'FILE "\ufffd.toml": not valid UTF-8'],
    [[":1", "./\ufffd"], 'DESTINATION "./\ufffd": not valid UTF-8'],
  ])("%j", (args, message) => {
    expect(() => readCommandLine(args)).toThrow(UsageError);
    expect(() => readCommandLine(args)).toThrow(message);
  });
});

test("an option that took no word of the command is not blamed", () => {
  expect(() => readCommandLine(["--mode", "0660", ":1"])).toThrow(/^DESTINATION is missing$/);
});

test.each([
  [["--admin", "status"], "relay"],
  [["status"], "status"],
  [["--sort", "age", "status"], "status"],
  [["--bogus=1", "units", ":1"], "units"],
  [["--", "status"], "relay"],
  [["./status"], "relay"],
  [[], "relay"],
])("%j is a line of the command %s, whatever its mistakes", (args, command) => {
  expect(commandNamed(args)).toBe(command as CommandName);
});

test.each(["8080", "127.0.0.1", "localhost"])(
  "%s is an address without its port, not a command",
  (word) => {
    expect(readCommandLine([word, ":1"])).toMatchObject({ command: "relay", args: [word, ":1"] });
  },
);

test("whatever the words, the answer is a command line or one line that refuses it", () => {
  const flags = OPTION_ROWS.map(([name]) => `--${flagOf(name)}`);
  const word = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(...flags, "-h", "--", "-", "demo", ":1", "./x", "=", "--=", "-=", "--no-mode"),
    fc.tuple(fc.constantFrom(...flags), fc.string()).map(([flag, value]) => `${flag}=${value}`),
  );
  holds(
    import.meta.path,
    fc.property(fc.array(word, { maxLength: 6 }), (args) => {
      try {
        expect(readCommandLine(args).args).toBeArray();
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as UsageError).message).not.toMatch(CONTROL_CHARACTER);
      }
    }),
    { runs: 3_000 },
  );
});
