import { describe, expect, test } from "bun:test";
import { parseAdminAddress } from "../../../src/options/admin-address.ts";
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
