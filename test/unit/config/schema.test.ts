import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import fc from "fast-check";
import { configSchema } from "../../../src/config/json-schema.ts";
import { parseConfig } from "../../../src/config/parse-config.ts";
import {
  type OptionName,
  flagOf,
  OPTION_ROWS,
  readOption,
  scopesOf,
} from "../../../src/options/option-table.ts";
import type { OptionRow } from "../../../src/options/option-row.ts";
import type { ValueSchema } from "../../../src/options/value-types.ts";
import { printToml, type Style } from "./print-toml.ts";
import { holds } from "../../support/property.ts";

const room = join(import.meta.dir, "../../../src/config");
const validate = new Ajv({ strict: true, allErrors: true }).compile(configSchema());

test("the schema beside the code is that of the option table (bun run schema writes it)", () => {
  const written: unknown = JSON.parse(
    readFileSync(join(room, "simpletcpunixrelay.schema.json"), "utf8"),
  );
  expect(written).toEqual(JSON.parse(JSON.stringify(configSchema())));
});

test("the example keeps to it", () => {
  const example: unknown = Bun.TOML.parse(readFileSync(join(room, "example.toml"), "utf8"));
  expect(validate(example) ? [] : validate.errors).toEqual([]);
});

test.each<[unknown]>([
  [{}],
  [{ relay: {} }],
  [{ relay: { web: {} } }],
  [{ relay: { web: { source: "/x" } } }],
  [{ relay: { "a b": { source: "/x", destination: "x:1" } } }],
  [{ relay: { web: { source: "/x", destination: "x:1", soruce: "x" } } }],
  [{ relay: { web: { source: "/x", destination: "x:1", "idle-timeout": 5 } } }],
  [{ relay: { web: { source: "/x", destination: "x:1", "idle-timeout": "5m" } } }],
  [{ relay: { web: { source: "/x", destination: "x:1", backlog: -1 } } }],
  [{ relay: { web: { source: "/x", destination: "x:1", "allow-users": [] } } }],
  [{ relay: { web: { source: "/x", destination: "x:1" } }, workers: 0 }],
  [{ relay: { web: { source: "/x", destination: "x:1" } }, mode: "0660" }],
  [{ relay: { web: { source: "/x", destination: "x:1", workers: 1 } } }],
])("it refuses %j", (config) => {
  expect(validate(config)).toBe(false);
});

/** Values that a schema allows. */
function valuesOf(schema: ValueSchema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(valuesOf));
  switch (schema.type) {
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({
        min: schema.minimum ?? 0,
        max: Math.min(schema.maximum ?? Infinity, 2 ** 31 - 1),
      });
    default:
      throw new Error(`no values for ${JSON.stringify(schema)}`);
  }
}

// No names: another program is asked for those.
const account = fc.oneof(fc.constantFrom("0", "1000"), fc.integer({ min: 0, max: 2 ** 31 }));
const cidr = fc.constantFrom("10.0.0.0/8", "::1", "2001:db8::/32", "192.0.2.1");
const milliseconds = fc.integer({ min: 1_000, max: 32_767_000 });
const time = fc.oneof(
  milliseconds.map((value) => `${value}ms`),
  milliseconds.map((value) => `${value / 1_000}s`),
  milliseconds.map((value) => String(value / 1_000)),
  fc.integer({ min: 1, max: 500 }).map((value) => `${value}min`),
);

const octal = fc.integer({ min: 0, max: 0o777 }).map((mode) => `0${mode.toString(8)}`);
const admin = fc.constantFrom("/run/admin", "@admin", "127.0.0.1:0", "[::1]:9");

// What the schema calls a text has a form of its own, by what help calls a value.
const TEXTS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  TIME: time,
  MODE: octal,
  USER: account,
  GROUP: account,
  CIDR: cidr,
  ADDRESS: admin,
  SIZE: fc.oneof(
    fc.constantFrom("4M", "1G", "2T", "5000000"),
    fc.integer({ min: 4 * 1024 * 1024, max: 2 ** 31 }),
  ),
  NETNS: fc.constantFrom("vpn", "/proc/7/ns/net"),
};

// Two listeners cannot have one address.
const metrics = fc.constantFrom("/run/metrics", "@metrics", "127.0.0.1:0", ":9100");

function valuesOfRow(name: OptionName, row: OptionRow): fc.Arbitrary<unknown> {
  if (row.metavar === undefined) return fc.boolean();
  if (name === "metrics") return metrics;
  if (name === "capture") return fc.constant("/tmp/capture");
  const item = TEXTS[row.metavar] ?? valuesOf(row.schema);
  return row.isList === true ? fc.array(item, { minLength: 1, maxLength: 3 }) : item;
}

/** Some of the options of one scope, by their keys, that go with a source. */
function options(
  scope: "relay" | "process",
  isTcp: boolean,
): fc.Arbitrary<Record<string, unknown>> {
  const fitting = OPTION_ROWS.filter(([, row]) => {
    if (!scopesOf(row).includes(scope)) return false;
    return row.sources === undefined || row.sources.includes(isTcp ? "tcp" : "unix");
  });
  return fc.record(
    Object.fromEntries(fitting.map(([name, row]) => [flagOf(name), valuesOfRow(name, row)])),
    { requiredKeys: [] },
  );
}

const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}$/);
const relay = fc
  .tuple(fc.boolean(), fc.constantFrom("127.0.0.1:9", "/run/destination", "@destination", "x:http"))
  .chain(([isTcp, destination]) =>
    options("relay", isTcp).map((given) => ({ ...consistent(given), isTcp, destination })),
  );
const config = fc
  .record({
    wide: options("process", true),
    // What every source can have.
    defaults: fc.option(options("relay", true).map(withoutSources), { nil: undefined }),
    relays: fc.dictionary(name, relay, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
  })
  .map(({ wide, defaults, relays }) => ({
    ...withoutAdminFile(wide),
    ...(defaults !== undefined && { defaults }),
    relay: Object.fromEntries(
      Object.entries(relays).map(([key, { isTcp, ...given }], index) => [
        key,
        { ...given, source: isTcp ? `127.0.0.1:${100 + index}` : `/run/source/${index}` },
      ]),
    ),
  }));

/** Without the options that do not fit the others, or every destination. */
function consistent(given: Record<string, unknown>): Record<string, unknown> {
  // A Unix destination's path is the same in all network namespaces.
  const { "accept-proxy": _, "destination-netns": _netns, ...others } = given;
  // Each relay needs a file of its own.
  for (const key of Object.keys(others)) if (key.startsWith("capture")) delete others[key];
  if (others["accept-proxy-from"] === undefined) return others;
  return { ...others, "accept-proxy": true };
}

/** Only an admin socket with a path has a file. */
function withoutAdminFile(wide: Record<string, unknown>): Record<string, unknown> {
  if (wide["admin"] === "/run/admin") return wide;
  return Object.fromEntries(Object.entries(wide).filter(([key]) => !key.startsWith("admin-")));
}

function withoutSources(given: Record<string, unknown>): Record<string, unknown> {
  const free = OPTION_ROWS.flatMap(([key, { sources }]) =>
    sources === undefined ? [flagOf(key)] : [],
  );
  return consistent(
    Object.fromEntries(Object.entries(given).filter(([key]) => free.includes(key))),
  );
}

const styles = fc.constantFrom<Style>("headers", "dotted", "inline");

test("any file of valid values, however it is written, means what it says and keeps to the schema", () => {
  holds(
    import.meta.path,
    fc.property(config, styles, (written, style) => {
      const text = printToml(written, style);
      expect(Bun.TOML.parse(text)).toEqual(written);
      expect(validate(written) ? [] : validate.errors).toEqual([]);
      const { processWide, relays } = parseConfig("x.toml", text);
      expect(relays.map((each) => each.name).sort()).toEqual(Object.keys(written.relay).sort());
      const meant = (given: Readonly<Record<string, unknown>>, scope: "relay" | "process") =>
        Object.fromEntries(
          OPTION_ROWS.flatMap(([key, row]) =>
            scopesOf(row).includes(scope) && flagOf(key) in given
              ? [[key, readOption(key, given[flagOf(key)])]]
              : [],
          ),
        );
      expect<unknown>(processWide).toMatchObject(meant(written, "process"));
      for (const each of relays) {
        const own = written.relay[each.name] ?? {};
        const given = { ...written.defaults, ...own };
        expect<unknown>(each.settings).toMatchObject(meant(given, "relay"));
      }
    }),
    { runs: 200 },
  );
});
