import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import { runRelay, startRelay, type RunningRelay } from "../support/process/executable.ts";
import { runProgram } from "../support/process/program.ts";
import { expectIdleProcess } from "../support/process/idle.ts";
import { type EchoServer, startEcho } from "../support/sockets/echo.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { ipv6Loopback } from "../support/sockets/visitor.ts";

const PAYLOAD = new Payload(1_000);
const WITHOUT_FFI = { BUN_JSC_useJIT: "0" };
// The command that takes families away needs FFI itself.
const THEN_WITHOUT_FFI = ["/usr/bin/env", "BUN_JSC_useJIT=0"];

const folder = mkdtempSync(join(tmpdir(), "listening-"));
const echo: EchoServer = startEcho();
afterAll(() => {
  echo[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** A command that starts a program for which some address families do not exist. */
function without(...families: string[]): string[] {
  const script = join(import.meta.dir, "../support/process/without-families.ts");
  return [process.execPath, script, families.join(",")];
}

function portOf({ address }: RunningRelay): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

function dial(relay: RunningRelay, host = "127.0.0.1"): Promise<RawSocket> {
  return RawSocket.connect({ kind: "tcp", host, port: portOf(relay) });
}

async function expectServed(relay: RunningRelay, host?: string): Promise<void> {
  using client = await dial(relay, host);
  await client.send(PAYLOAD);
  expect(await client.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
}

async function expectRefused(relay: RunningRelay, host: string): Promise<void> {
  await expect(dial(relay, host)).rejects.toThrow("ECONNREFUSED");
}

describe("where there is no IPv6", () => {
  const prefix = without("AF_INET6");

  test.each([1, 2])("an empty host is 0.0.0.0, with %p workers", async (workers) => {
    const options = [`--workers=${workers}`, "--log-level=debug"];
    await using relay = await startRelay([...options, ":0", echo.address], { prefix });
    await expectServed(relay);
    expect(relay.stderr()).toMatch(/"level":"debug","message":"[^"]*no IPv6[^"]*0\.0\.0\.0/);
  });

  test("only who looks closely is told", async () => {
    await using relay = await startRelay([":0", echo.address], { prefix });
    expect(relay.stderr()).not.toContain("IPv6");
  });

  test("localhost is 127.0.0.1", async () => {
    await using relay = await startRelay(["--log-level=debug", "localhost:0", echo.address], {
      prefix,
    });
    await expectServed(relay);
    await expectRefused(relay, "::1");
    expect(relay.stderr()).toMatch(/"level":"debug","message":"[^"]*no ::1/);
  });

  test("an IPv6 address is an error with the system's code", async () => {
    const { code, stderr } = await runRelay(["--log-format=json", "[::1]:0", echo.address], {
      prefix,
    });
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ event: "failed", code: "EAFNOSUPPORT" });
  });

  test("an empty host is 0.0.0.0 without FFI, too", async () => {
    const command = [...prefix, ...THEN_WITHOUT_FFI];
    await using relay = await startRelay([":0", echo.address], { prefix: command });
    expect(relay.stderr()).toContain("FFI is not available");
    await expectServed(relay);
  });
});

describe("where there is IPv4 alone, as with RestrictAddressFamilies=AF_INET", () => {
  const prefix = without("AF_INET6", "AF_UNIX");

  test.each([1, 2])("%p workers serve, and wait at the limit without effort", async (workers) => {
    const options = [`--workers=${workers}`, "--connections-max=2"];
    await using relay = await startRelay([...options, ":0", echo.address], { prefix });
    const first = [await dial(relay), await dial(relay)];
    for (const client of first) await client.send(PAYLOAD);
    for (const client of first)
      expect(await client.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
    using waiting = await dial(relay);
    await waiting.send(PAYLOAD);
    await relay.logged(/"event":"full"/);
    await expectIdleProcess(relay.pid);
    for (const client of first) client.close();
    expect(await waiting.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
    expect(relay.stderr()).not.toContain("no descriptor is left");
  });
});

await describeNeeding("localhost as a source", [ipv6Loopback], () => {
  test.each([
    { workers: 1, env: {} },
    { workers: 3, env: {} },
    { workers: 1, env: WITHOUT_FFI },
  ])("is both loopback addresses, one port: %j", async ({ workers, env }) => {
    const options = [`--workers=${workers}`, "--connections-max=3"];
    await using relay = await startRelay([...options, "localhost:0", echo.address], { env });
    expect(relay.address).toMatch(/^localhost:[1-9]\d*$/);
    for (let round = 0; round < 3; round += 1) {
      await expectServed(relay, "127.0.0.1");
      await expectServed(relay, "::1");
    }
    await expectRefused(relay, "127.0.0.2");
    expect(await relay.stop()).toBe(0);
    await expectRefused(relay, "127.0.0.1");
    await expectRefused(relay, "::1");
  });

  test("has one limit for both", async () => {
    const options = ["--connections-max=2", "a.localhost:0", echo.address];
    await using relay = await startRelay(options);
    using one = await dial(relay, "127.0.0.1");
    using two = await dial(relay, "::1");
    await relay.logged(/"event":"full"/);
    using three = await dial(relay, "127.0.0.1");
    using four = await dial(relay, "::1");
    for (const waiting of [three, four]) waiting.sendAtOnce(PAYLOAD);
    await one.send(PAYLOAD);
    expect(await one.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
    expect([three.unread, four.unread]).toEqual([0, 0]);
    one.close();
    two.close();
    for (const waiting of [three, four])
      expect(await waiting.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
  });

  test.each(["127.0.0.1", "::1"])("is an error where the port is taken at %s", async (host) => {
    using taken = new RawListener({ kind: "tcp", host, port: 0 });
    const { endpoint } = taken;
    const port = endpoint.kind === "tcp" ? endpoint.port : 0;
    const { code, stderr } = await runRelay([
      "--log-format=json",
      `localhost:${port}`,
      echo.address,
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({
      event: "failed",
      code: "EADDRINUSE",
      address: `localhost:${port}`,
    });
  });
});

describe.each([
  ["with FFI", []],
  ["without FFI", THEN_WITHOUT_FFI],
] as const)("an error of listening %s carries the system's code", (_, command) => {
  const fail = async (source: string, before: readonly string[] = []) => {
    const args = ["--log-format=json", source, echo.address];
    const { code, stderr } = await runRelay(args, { prefix: [...before, ...command] });
    expect(code).toBe(1);
    const lines = stderr.trim().split("\n");
    const failure: unknown = JSON.parse(lines.at(-1) ?? "");
    expect(stderr).not.toContain("Failed to listen");
    return failure;
  };

  test.each([
    ["192.0.2.1:0", "EADDRNOTAVAIL"],
    ["[2001:db8::1]:0", "EADDRNOTAVAIL"],
    [join(folder, "no-such-folder/socket"), "ENOENT"],
  ])("%s: %s", async (source, code) => {
    expect(await fail(source)).toMatchObject({ code, address: source });
  });

  test("a name that nobody knows", async () => {
    expect(await fail("no-such-name.invalid:80")).toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_\w+)$/),
      address: "no-such-name.invalid:80",
    });
  });

  test("a family that is not to be had", async () => {
    expect(await fail("127.0.0.1:0", without("AF_INET"))).toMatchObject({ code: "EAFNOSUPPORT" });
  });
});

describe("a socket of systemd that is not there is one line that says so", () => {
  test.each([
    ["LISTEN_PID=$$ LISTEN_FDS=40000", "LISTEN_FDS is 40000, but descriptor"],
    ["LISTEN_PID=1 LISTEN_FDS=1", "the sockets were passed to another process"],
    ["LISTEN_PID=$$ LISTEN_FDS=x", 'LISTEN_FDS is "x", which is not a number of sockets'],
    ["true &&", "systemd passed no socket; start this service by its .socket unit"],
  ])("%s", async (variables, said) => {
    const { code, stderr } = await runRelay(["systemd", echo.address], {
      prefix: ["sh", "-c", `${variables} exec "$0" "$@"`],
    });
    expect(stderr).toMatch(/^\S+Z error cannot listen on systemd: [^\n]+\n$/);
    expect(stderr).toContain(said);
    expect(code).toBe(1);
  });
});

describe("--freebind", () => {
  test.each(["192.0.2.7:0", "[2001:db8::7]:0"])(
    "%s can be listened on before it is there",
    async (source) => {
      const { stderr } = await runRelay([source, echo.address]);
      expect(stderr).toContain("(EADDRNOTAVAIL)");
      expect(stderr).toContain("--freebind");
      await using relay = await startRelay(["--freebind", source, echo.address]);
      expect(portOf(relay)).toBeGreaterThan(0);
    },
  );

  test("is refused without FFI, with what to do", async () => {
    const args = ["--freebind", "192.0.2.7:0", echo.address];
    const { code, stderr } = await runRelay(args, { env: WITHOUT_FFI });
    expect(code).toBe(78);
    expect(stderr).toMatch(
      / error cannot listen on 192\.0\.2\.7:0 with --freebind: that needs FFI/,
    );
  });

  test("is refused for a Unix source", async () => {
    const { code, stderr } = await runRelay(["--freebind", join(folder, "x"), echo.address]);
    expect(code).toBe(64);
    expect(stderr).toContain("--freebind makes sense only if SOURCE is a TCP address");
  });
});

const namespaceNeeds = [root, ...["unshare", "nsenter", "ip", "socat"].map(program)];
await describeNeeding("an address that comes after the relay", namespaceNeeds, () => {
  test.each(["192.0.2.7", "[2001:db8::7]"])("%s is served from then on", async (host) => {
    using behind = startEcho(join(folder, "behind"));
    await using relay = await startRelay(["--freebind", `${host}:0`, behind.address], {
      prefix: ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'],
    });
    const run = async (...command: string[]) => {
      const inside = ["nsenter", `--target=${relay.pid}`, "--net", "--", ...command];
      const { code, stdout } = await runProgram(inside, {
        env: { PATH: process.env["PATH"] ?? "" },
        stdin: "hello",
      });
      return code === 0 ? stdout : null;
    };
    const ask = () => run("socat", "-t10", "-", `TCP:${host}:${portOf(relay)}`);
    expect(await ask()).toBeNull();
    const prefix = host.startsWith("[") ? `${host.slice(1, -1)}/128` : `${host}/32`;
    expect(await run("ip", "address", "add", prefix, "dev", "lo")).toBe("");
    expect(await ask()).toBe("hello");
  });
});

await describeNeeding("a pause for the limit", [program("strace")], () => {
  test.each([1, 2])("never calls listen(2) again, with %p workers", async (workers) => {
    const calls = join(folder, `listen-${workers}`);
    const source = join(folder, `source-${workers}`);
    const options = [`--workers=${workers}`, `--connections-max=${workers}`];
    await using relay = await startRelay([...options, source, echo.address], {
      // The tracer is a grandchild: the relay has the pid that a signal is sent to.
      prefix: ["strace", "-D", "-f", "-qq", "-e", "trace=listen", "-o", calls],
    });
    const visit = async () => {
      using client = await RawSocket.connect({ kind: "unix", path: source });
      await client.send(PAYLOAD);
      expect(await client.read(PAYLOAD.length)).toEqual(PAYLOAD.received());
    };
    await visit();
    const before = readFileSync(calls, "utf8");
    expect(before).toContain("listen(");
    await Promise.all(Array.from({ length: 20 }, visit));
    await relay.logged(/"event":"full"/);
    expect(readFileSync(calls, "utf8")).toBe(before);
    expect(await relay.stop()).toBe(0);
  });
});
