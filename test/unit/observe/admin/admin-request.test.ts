import { describe, expect, test } from "bun:test";
import { PATHS, readRequest, RequestError } from "../../../../src/observe/admin/admin-request.ts";

function request(host: string | null, path = "/status", method = "GET"): Request {
  const made = new Request(`http://localhost${path}`, { method });
  if (host !== null) made.headers.set("host", host);
  else made.headers.delete("host");
  return made;
}

function statusOf(asked: Request): number {
  try {
    readRequest(asked);
    return 200;
  } catch (error) {
    if (error instanceof RequestError) return error.status;
    throw error;
  }
}

describe("a request", () => {
  test.each([
    "localhost",
    "localhost:8080",
    "LOCALHOST",
    "localhost.",
    "relay.localhost:80",
    "127.0.0.1",
    "127.0.0.1:9100",
    "127.255.0.9",
    "[::1]",
    "[::1]:9100",
    "[::ffff:127.0.0.1]:1",
  ])("as %s is answered", (host) => {
    expect(statusOf(request(host))).toBe(200);
  });

  test("without a Host is answered, as no browser sends it", () => {
    expect(statusOf(request(null))).toBe(200);
  });

  test.each([
    "",
    "example.com",
    "example.com:8080",
    "localhost.example.com",
    "notlocalhost",
    "127.0.0.1.example.com",
    "10.0.0.1",
    "[::2]",
    "[::1]x",
    "192.168.0.1:80",
    "localhost, example.com",
    "user@localhost",
    "localhost:80:80",
    "0.0.0.0",
  ])("as %j gets nothing: DNS rebinding", (host) => {
    expect(statusOf(request(host))).toBe(421);
  });

  test.each([
    ["GET", 200],
    ["HEAD", 200],
    ["POST", 405],
    ["PUT", 405],
    ["DELETE", 405],
    ["OPTIONS", 405],
  ])("by %s: %d", (method, status) => {
    expect(statusOf(request("localhost", "/status", method))).toBe(status);
  });

  test.each([...PATHS.map((path) => [path, 200] as const)])("for %s: %d", (path, status) => {
    expect(statusOf(request("localhost", path))).toBe(status);
  });

  test.each(["/status/", "//status", "/index.html", "/metrics.json", "/Status"])(
    "for %s: 404",
    (path) => {
      expect(statusOf(request("localhost", path))).toBe(404);
    },
  );

  test("has its parameters", () => {
    const { path, parameters } = readRequest(request("localhost", "/status?sort=age&limit=3"));
    expect(path).toBe("/status");
    expect([...parameters]).toEqual([
      ["sort", "age"],
      ["limit", "3"],
    ]);
  });
});
