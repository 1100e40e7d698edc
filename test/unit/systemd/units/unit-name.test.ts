import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseAddress, type SocketEndpoint } from "../../../../src/address/address.ts";
import { parseUnitName } from "../../../../src/options/parse-systemd-unit-options.ts";
import { defaultName } from "../../../../src/systemd/units/unit-name.ts";
import { holds } from "../../../support/property.ts";

test.each([
  ["/run/app/socket", undefined, "relay-app"],
  ["/run/a/b/socket", undefined, "relay-a-b"],
  ["/run/postgresql/.s.PGSQL.5432", undefined, "relay-postgresql-.s.PGSQL.5432"],
  ["/srv/app.sock", undefined, "relay-srv-app.sock"],
  ["/run/it's 100%/socket", undefined, "relay-it-s-100"],
  ["/run/日本/socket", undefined, "relay-unix"],
  [":8080", undefined, "relay-8080"],
  ["127.0.0.1:80", undefined, "relay-127.0.0.1-80"],
  ["[::1]:80", undefined, "relay-1-80"],
  ["@name", undefined, "relay-name"],
  ["@%", undefined, "relay-abstract"],
  ["/run/x/socket", "app.service", "relay-app"],
  ["127.0.0.1:9000", "app.service", "relay-app-9000"],
  ["/run/x/socket", "app@one.service", "relay-app-one"],
  ["%t/app/socket", undefined, "relay-app"],
  ["/run/x/socket", "a\\x2db.service", "relay-a-x2db"],
])("%s with %p is %s", (source, service, name) => {
  expect(defaultName(parseAddress(source, "destination"), service)).toBe(name);
});

test("is a name that --name takes, whatever the source", () => {
  const endpoint: fc.Arbitrary<SocketEndpoint> = fc.oneof(
    fc.string().map((text) => ({ kind: "unix" as const, path: `/${text}` })),
    fc.string().map((name) => ({ kind: "abstract" as const, name })),
    fc
      .tuple(fc.ipV6(), fc.nat(65_535))
      .map(([host, port]) => ({ kind: "tcp" as const, host, port })),
  );
  const service = fc.option(
    fc.string({ unit: fc.constantFrom(..."ab-_.:\\@"), minLength: 1, maxLength: 247 }),
    { nil: undefined },
  );
  holds(
    import.meta.path,
    fc.property(endpoint, service, (source, joined) => {
      const name = defaultName(source, joined === undefined ? undefined : `${joined}.service`);
      expect(parseUnitName(name)).toBe(name);
    }),
  );
});
