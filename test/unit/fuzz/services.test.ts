import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { portInList } from "../../../src/os/etc-services.ts";
import { holds } from "../../support/property.ts";
import { roundsOf } from "../../support/repeat.ts";

describe("the system's list of services", () => {
  const list = [
    "# Network services",
    "",
    "tcpmux\t\t1/tcp\t\t\t\t# TCP port service multiplexer",
    "discard\t\t9/tcp\t\tsink null",
    "domain\t\t53/udp",
    "domain\t\t53/tcp",
    "http 80/tcp www # www.example.org",
    "  indented 81/tcp\r",
    "#hidden 82/tcp",
    "late 83/tcp#close",
    "toobig 65536/tcp",
    "toobig 65535/tcp",
    "none 0/tcp",
    "words http/tcp",
    "signed -1/tcp",
    "bare 84",
    "alone",
  ].join("\n");

  test.each([
    ["tcpmux", 1],
    ["null", 9],
    ["domain", 53],
    ["www", 80],
    ["indented", 81],
    ["late", 83],
    ["toobig", 65_535],
  ])("%s is %i", (name, port) => {
    expect(portInList(list, name)).toBe(port);
  });

  test.each([
    "hidden",
    "#hidden",
    "close",
    "none",
    "words",
    "signed",
    "bare",
    "alone",
    "",
    "80/tcp",
  ])("%j is no name of a port", (name) => {
    expect(portInList(list, name)).toBeUndefined();
  });
});

test("of any list and name there is a port that can be used, or none", () => {
  const name = fc.constantFrom("http", "www", "x", "");
  const port = fc.oneof(fc.integer({ min: -2, max: 70_000 }).map(String), fc.string());
  const entry = fc
    .tuple(name, fc.constantFrom(" ", "\t", "  "), port, fc.constantFrom("/tcp", "/udp", ""), name)
    .map(
      ([official, space, number, kind, alias]) => `${official}${space}${number}${kind} ${alias}`,
    );
  const line = fc.oneof({ weight: 3, arbitrary: entry }, { weight: 1, arbitrary: fc.string() });
  let found = 0;
  holds(
    import.meta.path,
    fc.property(fc.array(line), fc.oneof(name, fc.string()), (lines, wanted) => {
      const port = portInList(lines.join("\n"), wanted);
      if (port === undefined) return;
      found += 1;
      expect(Number.isInteger(port) && port >= 1 && port <= 65_535).toBe(true);
    }),
    { runs: 3_000 },
  );
  expect(found).toBeGreaterThan(roundsOf(50));
});
