import { describe, expect, test } from "bun:test";
import { parseAdminAddress, parseMetricsAddress } from "../../../src/options/admin-address.ts";
import { InvalidValue } from "../../../src/options/invalid-value-error.ts";

const tcp = (host: string, port: number) => ({ kind: "tcp", host, port }) as const;

describe("an address to listen on", () => {
  test.each([
    ["/run/x/admin", { kind: "unix", path: "/run/x/admin" }],
    ["./admin", { kind: "unix", path: "./admin" }],
    ["@admin", { kind: "abstract", name: "admin" }],
    ["127.0.0.1:9100", tcp("127.0.0.1", 9100)],
    ["127.0.0.1:0", tcp("127.0.0.1", 0)],
    ["[::1]:9100", tcp("::1", 9100)],
    ["localhost:9100", tcp("127.0.0.1", 9100)],
    ["LOCALHOST.:9100", tcp("127.0.0.1", 9100)],
    ["relay.localhost:9100", tcp("127.0.0.1", 9100)],
  ] as const)("%s", (text, endpoint) => {
    expect(parseAdminAddress(text, "to listen on")).toEqual(endpoint);
  });

  test.each([
    ":9100",
    "0.0.0.0:9100",
    "[::]:9100",
    "192.0.2.1:9100",
    "example.com:9100",
    "localhost.example.com:9100",
    "systemd",
    "systemd:admin",
    "fd:3",
    "admin",
    "",
    "127.0.0.1",
    "127.0.0.1:99999",
    "http://127.0.0.1:9100",
  ])("%j is refused", (text) => {
    expect(() => parseAdminAddress(text, "to listen on")).toThrow(InvalidValue);
  });
});

test("a port alone gets its host", () => {
  expect(() => parseAdminAddress("9100", "to listen on")).toThrow(
    '"9100" is a port alone; write 127.0.0.1:9100',
  );
});

test.each([
  ["adm", '"adm" has no /; write ./adm'],
  ["adm.sock", '"adm.sock" has no /; write ./adm.sock'],
  ["Systemd", '"Systemd" has no /; write ./Systemd'],
  ["localhost", '"localhost": the port is missing; write localhost:PORT'],
  ["10.0.0.1", '"10.0.0.1" is not loopback; an admin address is a Unix socket'],
  ["99999", '"99999": a port alone, and port 99999 is not within 1 to 65535'],
])("%s gets a message that leads to a valid address", (text, message) => {
  for (const role of ["to listen on", "to ask"] as const)
    expect(() => parseAdminAddress(text, role)).toThrow(message);
  const [, address] = /write (\S+)$/.exec(message) ?? [];
  if (address !== undefined) parseAdminAddress(address.replace("PORT", "80"), "to ask");
});

test.each([
  [
    "met",
    '"met": neither a path (it has no /) nor HOST:PORT (it has no :); write ./met or met:PORT',
  ],
  ["SystemD", "write ./SystemD"],
  ["10.0.0.1", "write 10.0.0.1:PORT"],
  ["9100", "write :9100 or 127.0.0.1:9100"],
])("a metrics address %s gets a message that leads to a valid one", (text, message) => {
  expect(() => parseMetricsAddress(text)).toThrow(message);
  const [, suggested = ""] = /write (.*)$/.exec(message) ?? [];
  for (const address of suggested.split(" or ")) parseMetricsAddress(address.replace("PORT", "80"));
});

describe("an address to ask", () => {
  test.each([
    ["/run/x/admin", { kind: "unix", path: "/run/x/admin" }],
    [":9100", tcp("127.0.0.1", 9100)],
    ["localhost:9100", tcp("127.0.0.1", 9100)],
  ] as const)("%s", (text, endpoint) => {
    expect(parseAdminAddress(text, "to ask")).toEqual(endpoint);
  });

  test.each(["127.0.0.1:0", "192.0.2.1:9100", "fd:3"])("%j is refused", (text) => {
    expect(() => parseAdminAddress(text, "to ask")).toThrow(InvalidValue);
  });
});
