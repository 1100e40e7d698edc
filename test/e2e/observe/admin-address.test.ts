import { describe, expect, test } from "bun:test";
import { lstatSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../../package.json";
import { runRelay } from "../../support/process/executable.ts";
import { ask, startWatched, statusOf } from "./admin.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("admin", (path) => void (folder = path));

const destination = "127.0.0.1:9";

describe("the admin address", () => {
  test.each([
    ["a path", () => join(folder, "admin"), /^\/.*\/admin$/],
    ["an abstract socket", () => `@admin-${process.pid}-${crypto.randomUUID()}`, /^@admin-/],
    ["a port", () => "127.0.0.1:0", /^127\.0\.0\.1:[1-9]\d*$/],
    ["a port by name", () => "localhost:0", /^127\.0\.0\.1:[1-9]\d*$/],
    ["a port of IPv6", () => "[::1]:0", /^\[::1\]:[1-9]\d*$/],
  ])("is %s, as the log says, until the end", async (_, address, shown) => {
    await using relay = await startWatched([join(folder, "source"), destination], {
      admin: address(),
    });
    expect(relay.admin).toMatch(shown);
    expect(await ask(relay.admin, "/healthz")).toMatchObject({ status: 200, text: "ok\n" });
    const { source } = await statusOf(relay.admin);
    expect(source).toBe(relay.address);
    expect(await relay.stop()).toBe(0);
    await expect(ask(relay.admin, "/healthz")).rejects.toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("as a path is for the relay's user and group only, whatever the umask", async () => {
    const prefix = ["sh", "-c", 'umask 0; exec "$@"', "sh"];
    const admin = join(folder, "admin");
    await using relay = await startWatched([join(folder, "source"), destination], {
      admin,
      prefix,
    });
    expect(lstatSync(relay.admin).mode & 0o7777).toBe(0o660);
  });

  test("takes a stale socket's place", async () => {
    const admin = join(folder, "admin");
    await using killed = await startWatched([join(folder, "one"), destination], { admin });
    await killed.stop("SIGKILL");
    expect(readdirSync(folder)).toContain("admin");
    await using relay = await startWatched([join(folder, "two"), destination], { admin });
    expect(await ask(relay.admin, "/healthz")).toMatchObject({ status: 200 });
  });

  test.each([
    [
      "serves",
      async (path: string) => startWatched([join(folder, "one"), destination], { admin: path }),
    ],
    [
      "is no socket",
      async (path: string) => {
        writeFileSync(path, "precious");
        return new AsyncDisposableStack();
      },
    ],
  ])("leaves alone what %s already, and the relay does not begin", async (_, take) => {
    const admin = join(folder, "admin");
    await using _other = await take(admin);
    const before = lstatSync(admin).ino;
    const source = join(folder, "source");
    const { code, stderr } = await runRelay([`--admin=${admin}`, source, destination]);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot listen on ${admin}: `);
    expect(lstatSync(admin).ino).toBe(before);
    expect(readdirSync(folder)).not.toContain("source");
  });

  test("that is another's port is refused", async () => {
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const admin = `127.0.0.1:${other.port}`;
    const { code, stderr } = await runRelay([
      `--admin=${admin}`,
      join(folder, "source"),
      destination,
    ]);
    other.stop(true);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot listen on ${admin}: `);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("goes when the source cannot be had", async () => {
    const admin = join(folder, "admin");
    const args = [`--admin=${admin}`, join(folder, "missing/source"), destination];
    expect(await runRelay(args)).toMatchObject({ code: 1 });
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    [":9100", "is not loopback"],
    ["0.0.0.0:9100", "is not loopback"],
    ["192.0.2.1:9100", "is not loopback"],
    ["systemd", "is inherited"],
    ["127.0.0.1:1", "--admin is SOURCE"],
    [destination, "--admin is DESTINATION"],
  ])("%s is a usage error", async (admin, reason) => {
    const { code, stderr } = await runRelay([`--admin=${admin}`, "127.0.0.1:1", destination]);
    expect(code).toBe(64);
    expect(stderr).toContain("--admin");
    expect(stderr).toContain(reason);
  });
});

describe("a question", () => {
  const start = () => startWatched([join(folder, "source"), destination]);

  test("is answered as what it is, to be kept by nobody", async () => {
    await using relay = await start();
    for (const [path, type] of [
      ["/", "text/html; charset=utf-8"],
      ["/status", "application/json"],
      ["/metrics", "text/plain; version=0.0.4; charset=utf-8"],
      ["/healthz", "text/plain; charset=utf-8"],
      ["/readyz", "text/plain; charset=utf-8"],
    ] as const) {
      const { status, headers } = await ask(relay.admin, path);
      expect({ path, status, ...headers }).toMatchObject({
        path,
        status: 200,
        "content-type": type,
        "cache-control": "no-store",
        "content-security-policy": expect.stringMatching(/^default-src 'none'; /),
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
      });
      expect(headers["access-control-allow-origin"]).toBeUndefined();
      const head = await ask(relay.admin, path, { method: "HEAD" });
      expect(head).toMatchObject({ status: 200, text: "" });
    }
  });

  test("that makes no sense is refused", async () => {
    await using relay = await start();
    const origin = { origin: "http://example.com" };
    expect(await ask(relay.admin, "/nothing")).toMatchObject({ status: 404 });
    expect(await ask(relay.admin, "/status?limit=many")).toMatchObject({
      status: 400,
      text: 'limit="many" must be a number from 0 to 1000\n',
    });
    for (const method of ["POST", "DELETE", "OPTIONS"])
      expect(await ask(relay.admin, "/status", { method, headers: origin })).toMatchObject({
        status: 405,
        headers: { allow: "GET, HEAD" },
      });
  });

  test("by another name than loopback's is not answered", async () => {
    await using relay = await start();
    for (const path of ["/", "/status", "/metrics", "/healthz", "/readyz"]) {
      const { status, text } = await ask(relay.admin, path, { headers: { host: "example.com" } });
      expect(status).toBe(421);
      expect(text).toBe("Host must be localhost or a loopback address\n");
    }
  });

  test("about the status has who, what and how", async () => {
    await using relay = await startWatched([
      "--keepalive=30s",
      "--connections-max=5",
      join(folder, "source"),
      destination,
    ]);
    expect(await statusOf(relay.admin)).toMatchObject({
      program: "simpletcpunixrelay",
      version,
      pid: relay.pid,
      state: "listening",
      ready: true,
      source: relay.address,
      destination,
      options: { keepalive: "30s", "connections-max": "5", "drain-timeout": "8s" },
      connections: { open: 0, max: 5, total: 0 },
    });
  });

  test("of many at once is answered to each", async () => {
    await using relay = await start();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        ask(relay.admin, index % 2 ? "/status" : "/metrics"),
      ),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });
});
