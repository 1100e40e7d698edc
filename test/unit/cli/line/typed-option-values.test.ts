import { describe, expect, test } from "bun:test";
import { type Endpoint, parseAddress } from "../../../../src/address/address.ts";
import { checkAddresses, readValues } from "../../../../src/cli/line/typed-option-values.ts";
import { UsageError } from "../../../../src/cli/line/usage-error.ts";
import { readCommandLine } from "../../../../src/cli/line/parse-command-line.ts";
import { DEFAULTS } from "../../../../src/relay/options.ts";

const DESTINATION = parseAddress(":2", "destination");

/** Checks options beside a source. */
function checkSource(values: ReturnType<typeof readValues>, source: Endpoint): void {
  checkAddresses(values, { source, destination: DESTINATION });
}

/** The way of a command line to its values. */
function read(...argv: string[]) {
  const { command, given, args } = readCommandLine(argv);
  return { args, values: readValues(command, given) };
}

describe("values", () => {
  test("are the defaults where nothing is given, and absent where there is no default", () => {
    const { values } = read(":1", ":2");
    expect(values).toMatchObject({
      connectTimeout: DEFAULTS.connectTimeout,
      keepalive: DEFAULTS.keepalive,
      drainTimeout: DEFAULTS.drainTimeout,
      logLevel: "info",
      logFormat: "auto",
    });
    for (const name of ["mode", "owner", "group"]) expect(values).not.toHaveProperty(name);
  });

  test("are those that are given", () => {
    const { args, values } = read(
      ...["--mode=0660", "./a", "--owner", "0", "--group=0", "--connect-timeout", "0.5"],
      ...["--keepalive=0", "--drain-timeout=2min", ":2", "--log-level=debug", "--log-format=json"],
    );
    expect(args).toEqual(["./a", ":2"]);
    expect(values).toMatchObject({
      mode: 0o660,
      owner: 0,
      group: 0,
      connectTimeout: 500,
      keepalive: 0,
      drainTimeout: 120_000,
      logLevel: "debug",
      logFormat: "json",
    });
  });

  test("are for workers a number, or a word", () => {
    expect(read(":1", ":2").values.workers).toBe(1);
    expect(read("--workers=3", ":1", ":2").values.workers).toBe(3);
    expect(read("--workers=auto", ":1", ":2").values.workers).toBe("auto");
  });

  test("are of a list that is given several times all of them", () => {
    const { values } = read("--allow=10.0.0.0/8,::1", ":1", "--allow", "192.0.2.1", ":2");
    expect(values.allow?.map(({ network }) => network)).toEqual(["10.0.0.0", "::1", "192.0.2.1"]);
  });

  test("are not words that look like options behind --", () => {
    expect(read("--", "--no-keepalive:1", "--logLevel=x:2").args).toEqual([
      "--no-keepalive:1",
      "--logLevel=x:2",
    ]);
  });

  test("of a flag", () => {
    expect(read("demo").values.hold).toBe(false);
    expect(read("demo", "--hold").values.hold).toBe(true);
  });

  test.each([
    ["--mode=999", '--mode: "999" is not a mode'],
    ["--owner=no-such-user", '--owner: this system knows no user "no-such-user"'],
    ["--connect-timeout=5m", '--connect-timeout: "5m" is not a time'],
    ["--workers=0", '--workers: "0" is not a number from 1 to 8192; or say auto'],
    ["--workers=many", '--workers: "many" is not a number from 1 to 8192; or say auto'],
    ["--log-level=loud", '--log-level: "loud" is not one of'],
  ])("%s is refused by its option's name", (option, message) => {
    expect(() => read(option, "./a", ":2")).toThrow(UsageError);
    expect(() => read(option, "./a", ":2")).toThrow(message);
  });
});

describe("an option for one kind of source", () => {
  const { values } = read("--group=0", ":1", ":2");

  test("is taken with it", () => {
    expect(() => checkSource(values, parseAddress("./a", "source"))).not.toThrow();
  });

  test.each([":1", "@name", "localhost:1", "systemd", "fd:3"])("is refused with %s", (source) => {
    expect(() => checkSource(values, parseAddress(source, "source"))).toThrow(
      "--group makes sense only if SOURCE is a Unix socket's path",
    );
  });

  test("bothers nobody who does not give it", () => {
    const { values: plain } = read(":1", ":2");
    expect(() => checkSource(plain, parseAddress(":1", "source"))).not.toThrow();
  });
});

describe("options that need each other", () => {
  test.each([
    [["--accept-proxy", ":1", ":2"], "--accept-proxy needs --accept-proxy-from: any other client"],
    [
      ["--accept-proxy-from=::1", ":1", ":2"],
      "--accept-proxy-from makes sense only with --accept-proxy",
    ],
    [
      ["--accept-proxy", "--accept-proxy-from=::1", "./a", ":2"],
      "--accept-proxy-from makes sense only if SOURCE is a TCP address",
    ],
    [["--allow=::1", "./a", ":2"], "--allow makes sense only if SOURCE is a TCP address"],
  ])("%j is refused", (args, message) => {
    const { values } = read(...args);
    const source = parseAddress(args.at(-2) ?? "", "source");
    expect(() => checkSource(values, source)).toThrow(message);
  });

  test.each([
    [["--accept-proxy", "--accept-proxy-from=::1", ":1", ":2"]],
    [["--accept-proxy", "systemd", ":2"]],
    [["--accept-proxy", "--allow=::1", "--deny=::2", "--allow-users=0", "./a", ":2"]],
  ])("%j are taken", (args) => {
    const { values } = read(...args);
    const source = parseAddress(args.at(-2) ?? "", "source");
    expect(() => checkSource(values, source)).not.toThrow();
  });
});
