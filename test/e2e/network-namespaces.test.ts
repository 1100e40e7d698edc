import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runRelay, startRelay, type RunningRelay } from "../support/process/executable.ts";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import { eventually } from "./parts/support.ts";

setDefaultTimeout(60_000);

const ENV = { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin" };
const SERVICE = `relay-service-${process.pid}`;
const CLIENTS = `relay-clients-${process.pid}`;

// An interface that only the namespaces have, with a name of the greatest length, and a name that
// no interface has.
const ZONE = "relay-test-zone";
const ABSENT = `${ZONE}-2`;

function must(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command, { env: ENV, stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

function addNetwork(name: string): void {
  must("ip", "netns", "add", name);
  must("ip", "-n", name, "link", "set", "lo", "up");
}

function addZone(network: string, address: string): void {
  must("ip", "-n", network, "link", "add", ZONE, "type", "veth", "peer", "name", "other-end");
  must("ip", "-n", network, "address", "add", `${address}/64`, "dev", ZONE, "nodad");
  for (const end of [ZONE, "other-end"]) must("ip", "-n", network, "link", "set", end, "up");
}

function deleteNetwork(name: string): void {
  Bun.spawnSync(["ip", "netns", "del", name], { env: ENV, stderr: "ignore" });
}

const inNetwork = (name: string, ...command: string[]) => ["ip", "netns", "exec", name, ...command];

await describeNeeding("network namespaces", [root, program("ip"), program("socat")], () => {
  let folder: string;
  let running: AsyncDisposableStack;
  let names = 0;
  const freshPath = () => join(folder, `socket-${(names += 1)}`);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "networks-"));
    for (const name of [SERVICE, CLIENTS]) addNetwork(name);
    addZone(SERVICE, "fe80::1");
    addZone(CLIENTS, "fe80::2");
    running = new AsyncDisposableStack();
  });

  afterEach(async () => {
    await running.disposeAsync();
    running = new AsyncDisposableStack();
  });

  afterAll(() => {
    for (const name of [SERVICE, CLIENTS]) deleteNetwork(name);
    rmSync(folder, { recursive: true });
  });

  /** An echo service in a namespace: at `127.0.0.1:PORT`, or at an abstract address. */
  async function startService(network: string, listen: string): Promise<void> {
    const child = Bun.spawn(inNetwork(network, "socat", `${listen},fork`, "EXEC:cat"), {
      env: ENV,
      stdin: "ignore",
      stderr: "ignore",
    });
    running.defer(async () => {
      child.kill();
      await child.exited;
    });
    const port = /:(\d+)/.exec(listen)?.[1];
    const table = port === undefined ? ["-xl"] : ["-tln"];
    await eventually("the service to listen", () => {
      const { stdout } = Bun.spawnSync(inNetwork(network, "ss", ...table), { env: ENV });
      return stdout.toString().includes(port === undefined ? "@relay-echo" : `:${port} `);
    });
  }

  async function start(...args: string[]): Promise<RunningRelay> {
    return running.use(await startRelay(args));
  }

  /** What a client in a namespace gets back for some bytes; `""` if it is not served. */
  async function ask(network: string | null, address: string): Promise<string> {
    const command = ["socat", "-t", "10", "-", address];
    const child = Bun.spawn(network === null ? command : inNetwork(network, ...command), {
      env: ENV,
      stdin: new Blob(["ping"]),
      stdout: "pipe",
      stderr: "ignore",
    });
    return await new Response(child.stdout).text();
  }

  /** The namespaces of a process's threads, and of this process. */
  function networksOf({ pid }: RunningRelay): Set<string> {
    const tasks = readdirSync(`/proc/${pid}/task`);
    return new Set(tasks.map((task) => readlinkSync(`/proc/${pid}/task/${task}/ns/net`)));
  }
  /** How many descriptors of namespaces a process has open. */
  function openNetworks({ pid }: RunningRelay): number {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
    return links.filter((link) => /^net:|^\/run\/netns\//.test(link)).length;
  }
  const own = () => new Set([readlinkSync("/proc/self/ns/net")]);

  test.each(["1", "3"])("Unix here, TCP in a namespace, %s workers", async (workers) => {
    await startService(SERVICE, "TCP-LISTEN:7001,bind=127.0.0.1,reuseaddr");
    const path = freshPath();
    const options = [`--workers=${workers}`, `--destination-netns=${SERVICE}`];
    const relay = await start(...options, path, "127.0.0.1:7001");
    for (let round = 0; round < 20; round += 1)
      expect(await ask(null, `UNIX-CONNECT:${path}`)).toBe("ping");
    expect(networksOf(relay)).toEqual(own());
    // Each thread keeps its own namespace open, and none of a connection.
    expect(openNetworks(relay)).toBeLessThanOrEqual(Number(workers) + 1);
  });

  test.each(["1", "3"])(
    "clients in one namespace, the service in another at the same address, %s workers",
    async (workers) => {
      await startService(SERVICE, "TCP-LISTEN:7002,bind=127.0.0.1,reuseaddr");
      const relay = await start(
        ...[`--workers=${workers}`, `--source-netns=${CLIENTS}`],
        ...[`--destination-netns=/run/netns/${SERVICE}`, "127.0.0.1:7002", "127.0.0.1:7002"],
      );
      for (let round = 0; round < 10; round += 1)
        expect(await ask(CLIENTS, "TCP:127.0.0.1:7002")).toBe("ping");
      expect(await ask(null, "TCP:127.0.0.1:7002")).toBe("");
      expect(networksOf(relay)).toEqual(own());
    },
  );

  test("abstract sockets, each in its own namespace", async () => {
    await startService(SERVICE, "ABSTRACT-LISTEN:relay-echo");
    await start(
      ...[`--source-netns=${CLIENTS}`, `--destination-netns=${SERVICE}`],
      ...["@relay-echo", "@relay-echo"],
    );
    expect(await ask(CLIENTS, "ABSTRACT-CONNECT:relay-echo")).toBe("ping");
    expect(await ask(null, "ABSTRACT-CONNECT:relay-echo")).toBe("");
  });

  test("a handover keeps the socket in its namespace, and nobody notices", async () => {
    await startService(SERVICE, "TCP-LISTEN:7003,bind=127.0.0.1,reuseaddr");
    const relay = await start(
      ...[`--source-netns=${CLIENTS}`, `--destination-netns=${SERVICE}`],
      ...["127.0.0.1:7003", "127.0.0.1:7003"],
    );
    for (let round = 1; round <= 3; round += 1) {
      expect(await ask(CLIENTS, "TCP:127.0.0.1:7003")).toBe("ping");
      process.kill(relay.pid, "SIGHUP");
      await eventually(
        "the handover",
        () => [...relay.stderr().matchAll(/"event":"took_over"/g)].length === round,
      );
      expect(await ask(CLIENTS, "TCP:127.0.0.1:7003")).toBe("ping");
    }
    expect(relay.stderr()).not.toContain('"event":"handover_failed"');
    expect(await relay.stop()).toBe(0);
  });

  test("a destination's namespace that is deleted and made anew is reached again", async () => {
    const name = `${SERVICE}-x`;
    addNetwork(name);
    running.defer(() => deleteNetwork(name));
    const path = freshPath();
    const relay = await start(`--destination-netns=${name}`, path, "127.0.0.1:7004");
    const child = Bun.spawn(
      inNetwork(name, "socat", "TCP-LISTEN:7004,bind=127.0.0.1,reuseaddr,fork", "EXEC:cat"),
      { env: ENV, stdin: "ignore", stderr: "ignore" },
    );
    await eventually("a service", async () => (await ask(null, `UNIX-CONNECT:${path}`)) === "ping");
    child.kill();
    await child.exited;
    deleteNetwork(name);
    expect(await ask(null, `UNIX-CONNECT:${path}`)).toBe("");
    await relay.logged(
      new RegExp(
        `cannot reach 127\\.0\\.0\\.1:7004: network namespace /run/netns/${name}: there is no`,
      ),
    );
    addNetwork(name);
    await startService(name, "TCP-LISTEN:7004,bind=127.0.0.1,reuseaddr");
    expect(await ask(null, `UNIX-CONNECT:${path}`)).toBe("ping");
    expect(networksOf(relay)).toEqual(own());
  });

  test("a source's namespace that is made anew is noticed; a reload listens in the new one", async () => {
    const name = `${CLIENTS}-x`;
    addNetwork(name);
    running.defer(() => deleteNetwork(name));
    await startService(SERVICE, "TCP-LISTEN:7005,bind=127.0.0.1,reuseaddr");
    const relay = await start(
      ...[`--source-netns=${name}`, `--destination-netns=${SERVICE}`],
      ...["127.0.0.1:7005", "127.0.0.1:7005"],
    );
    expect(await ask(name, "TCP:127.0.0.1:7005")).toBe("ping");
    deleteNetwork(name);
    addNetwork(name);
    await relay.logged(/"level":"warn".*the source's network namespace is gone.*reloaded \(HUP\)/);
    expect(await ask(name, "TCP:127.0.0.1:7005")).toBe("");
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    expect(await ask(name, "TCP:127.0.0.1:7005")).toBe("ping");
  });

  test("a name is resolved where the destination is, by that namespace's own files", async () => {
    const files = `/etc/netns/${SERVICE}`;
    mkdirSync(files, { recursive: true });
    running.defer(() => rmSync(files, { recursive: true }));
    await Bun.write(join(files, "hosts"), "127.0.0.77 service.relay.test\n");
    await startService(SERVICE, "TCP-LISTEN:7006,bind=127.0.0.77,reuseaddr");
    const path = freshPath();
    const relay = await start(`--destination-netns=${SERVICE}`, path, "service.relay.test:7006");
    expect(await ask(null, `UNIX-CONNECT:${path}`)).toBe("ping");
    const unknown = freshPath();
    const other = await start(`--destination-netns=${SERVICE}`, unknown, "missing.relay.test:7006");
    expect(await ask(null, `UNIX-CONNECT:${unknown}`)).toBe("");
    await other.logged(/cannot reach missing\.relay\.test:7006: .*name/);
    expect(networksOf(relay)).toEqual(own());
  });

  test("a zone is an interface of the namespace, of the destination's as of the source's", async () => {
    await startService(SERVICE, "TCP6-LISTEN:7008,reuseaddr");
    const relay = await start(
      ...[`--source-netns=${CLIENTS}`, `--destination-netns=${SERVICE}`],
      ...[`[fe80::2%${ZONE}]:7008`, `[fe80::1%${ZONE}]:7008`],
    );
    expect(await ask(CLIENTS, `TCP6:[fe80::2%${ZONE}]:7008`)).toBe("ping");
    expect(networksOf(relay)).toEqual(own());
  });

  test("a zone that is no interface of the namespace is said to be missing there", async () => {
    const missing = `network namespace /run/netns/${SERVICE} has no interface ${ABSENT} with an IPv6`;
    const path = freshPath();
    const relay = await start(`--destination-netns=${SERVICE}`, path, `[fe80::1%${ABSENT}]:7009`);
    expect(await ask(null, `UNIX-CONNECT:${path}`)).toBe("");
    await relay.logged(new RegExp(`invalid argument \\(EINVAL\\); ${missing}`));
    const none = await runRelay([`--source-netns=${SERVICE}`, `[fe80::1%${ABSENT}]:7009`, ":9"]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain(missing);
  });

  test("a namespace of a process, by its path", async () => {
    const holder = Bun.spawn(inNetwork(SERVICE, "sleep", "1000"), { env: ENV });
    running.defer(async () => {
      holder.kill();
      await holder.exited;
    });
    await startService(SERVICE, "TCP-LISTEN:7007,bind=127.0.0.1,reuseaddr");
    const path = freshPath();
    const network = `/proc/${holder.pid}/ns/net`;
    await eventually(
      "the process to be there",
      () => readlinkSync(network) !== readlinkSync("/proc/self/ns/net"),
    );
    await start(`--destination-netns=${network}`, path, "127.0.0.1:7007");
    expect(await ask(null, `UNIX-CONNECT:${path}`)).toBe("ping");
  });

  test("a relay that cannot enter the namespace says why, and what to do", async () => {
    const missing = await runRelay(["--source-netns=no-such", "127.0.0.1:0", "127.0.0.1:9"]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(
      "/run/netns/no-such: there is no such namespace (ip netns list)",
    );
    const none = await runRelay(["--destination-netns=/etc/passwd", "127.0.0.1:0", "127.0.0.1:9"]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("/etc/passwd: this file is no network namespace (EINVAL)");
    for (const option of ["--source-netns", "--destination-netns"]) {
      const powerless = await runRelay([`${option}=${SERVICE}`, "127.0.0.1:0", "127.0.0.1:9"], {
        prefix: ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"],
      });
      expect(powerless.code).toBe(1);
      expect(powerless.stderr).toContain("it needs CAP_SYS_ADMIN");
    }
    const later = await start("--destination-netns=no-such", "127.0.0.1:0", "127.0.0.1:9");
    await later.logged(/"level":"warn".*no-such: there is no such namespace/);
  });
});

test.each(["--source-netns=a", "--destination-netns=a"])(
  "without FFI %s is refused",
  async (option) => {
    const env = { BUN_JSC_useJIT: "0" };
    const { code, stderr } = await runRelay([option, "127.0.0.1:0", "127.0.0.1:9"], { env });
    expect(code).toBe(78);
    expect(stderr).toContain("another network namespace needs FFI");
  },
);

test.each([
  [["--source-netns=a", "/x", ":1"], "--source-netns makes sense only if SOURCE is a TCP address"],
  [["--destination-netns=a", ":1", "/x"], "--destination-netns makes no sense for a Unix socket"],
  [["--source-netns=a/b", ":1", ":2"], '--source-netns: "a/b" is not a network namespace'],
  [["--source-netns=a", "--destination-netns=a", ":1", ":1"], "DESTINATION is SOURCE"],
  [["units", "--destination-netns=a", "/run/x/y", ":1"], "needs CAP_SYS_ADMIN, which the sandbox"],
])("wrong usage: %j", async (args, message) => {
  const { code, stderr } = await runRelay(args);
  expect(code).toBe(64);
  expect(stderr).toContain(message);
});

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed since the folder was read.
    return "";
  }
}
