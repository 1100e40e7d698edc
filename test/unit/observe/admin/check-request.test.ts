import { describe, expect, test } from "bun:test";
import {
  readRequest,
  RequestError,
  type RequestRules,
} from "../../../../src/observe/admin/check-request.ts";
import type { HttpRequest } from "../../../../src/observe/admin/http-request-and-answer.ts";

const PATHS = ["/", "/status", "/metrics"] as const;
const rules = { paths: PATHS, loopbackOnly: true };

function request(more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", target: "/status", hosts: ["localhost"], ...more };
}

function statusOf(asked: HttpRequest, by: RequestRules<string> = rules): number {
  try {
    readRequest(asked, by);
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
    "localhost:",
    "LOCALHOST",
    "localhost.",
    "relay.localhost:80",
    "127.0.0.1",
    "127.0.0.1:9100",
    "127.0.0.1:65535",
    "127.255.0.9",
    "[::1]",
    "[::1]:9100",
    "[::ffff:127.0.0.1]:1",
  ])("as %s is answered", (host) => {
    expect(statusOf(request({ hosts: [host] }))).toBe(200);
  });

  test("without a Host is answered, because no browser sends that", () => {
    expect(statusOf(request({ hosts: [] }))).toBe(200);
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
    "192.168.0.1:80",
    "0.0.0.0",
  ])("as %j gets nothing: DNS rebinding", (host) => {
    expect(statusOf(request({ hosts: [host] }))).toBe(421);
    expect(statusOf(request({ target: `http://${host}/status` }))).toBe(421);
  });

  test.each([
    "localhost:99999",
    "localhost:65536",
    "localhost:80:80",
    "localhost:x",
    "localhost, example.com",
    "user@localhost",
    "[::1]x",
    "[::1",
    "localhost/status",
  ])("as %j, which is no host and port, is refused", (host) => {
    expect(statusOf(request({ hosts: [host] }))).toBe(400);
  });

  test("with two Host lines is refused, even if both are good", () => {
    const hosts = ["localhost", "localhost"];
    expect(statusOf(request({ hosts }))).toBe(400);
    expect(statusOf(request({ hosts }), { ...rules, loopbackOnly: false })).toBe(400);
  });

  test.each(["example.com", "10.0.0.1:80", "localhost:99999", ""])(
    "as %j is answered where any name will do",
    (host) => {
      expect(statusOf(request({ hosts: [host] }), { ...rules, loopbackOnly: false })).toBe(200);
    },
  );

  test("in absolute form is for the target's host, whatever the Host says", () => {
    const good = request({ target: "http://localhost/status", hosts: ["example.com"] });
    expect(statusOf(good)).toBe(200);
    const bad = request({ target: "http://example.com/status", hosts: ["localhost"] });
    expect(statusOf(bad)).toBe(421);
    expect(readRequest(request({ target: "http://localhost" }), rules).path).toBe("/");
    expect(readRequest(request({ target: "http://[::1]:1?a=b" }), rules)).toEqual({
      path: "/",
      parameters: new URLSearchParams("a=b"),
    });
  });

  test.each([
    ["GET", 200],
    ["HEAD", 200],
    ["POST", 405],
    ["PUT", 405],
    ["DELETE", 405],
    ["OPTIONS", 405],
  ])("by %s: %d", (method, status) => {
    expect(statusOf(request({ method }))).toBe(status);
  });

  test.each([...PATHS])("for %s is answered", (target) => {
    expect(statusOf(request({ target }))).toBe(200);
  });

  test.each(["/status/", "//status", "/index.html", "/metrics.json", "/Status", "/%73tatus"])(
    "for %s: 404",
    (target) => {
      expect(statusOf(request({ target }))).toBe(404);
    },
  );

  test.each(["", "*", "status", "?", "localhost:80", "ftp://localhost/status", "/status#part"])(
    "for %j, which is no path: 400",
    (target) => {
      expect(statusOf(request({ target }))).toBe(400);
    },
  );

  test("has its parameters", () => {
    const target = "/status?sort=age&limit=3";
    const { path, parameters } = readRequest(request({ target }), rules);
    expect(path).toBe("/status");
    expect([...parameters]).toEqual([
      ["sort", "age"],
      ["limit", "3"],
    ]);
  });
});
