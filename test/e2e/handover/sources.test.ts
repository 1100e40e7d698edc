import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { type RunningRelay, startRelay } from "../../support/process/executable.ts";
import { socketDescriptors } from "../../support/process/proc.ts";
import { successorOf } from "../../support/process/successors.ts";
import { ask, metricsOf } from "../observe/admin.ts";
import { program } from "../../support/machine/parts.ts";
import { connectEcho } from "../../support/sockets/echo.ts";
import { ipv6Loopback } from "../../support/sockets/visitor.ts";
import { until } from "../../support/waiting.ts";
import { handoverBench } from "./handover-bench.ts";

const HANDOVERS = 3;

const bench = handoverBench();

async function serves(address: string): Promise<void> {
  using client = await connectEcho(address);
  await client.ask("hello");
}

async function handOver(relay: RunningRelay, times: number): Promise<void> {
  bench.executable.upgrade();
  process.kill(relay.pid, "SIGHUP");
  const tookOver = () => relay.stderr().split('"event":"took_over"').length - 1;
  await until(
    () => tookOver() === times,
    () => relay.stderr(),
  );
}

describe("keeps its address and its number of descriptors", () => {
  test.each([
    ["a TCP port that the system chose", "127.0.0.1:0"],
    ["all interfaces", ":0"],
    ["an abstract name", `@handover-${crypto.randomUUID()}`],
  ])("%s", async (_, source) => {
    await using relay = await startRelay([source, bench.echo.address], {
      executable: bench.executable.path,
    });
    const address = relay.address.replace(/^\[?::\]?:|^:/, "127.0.0.1:");
    await handOver(relay, 1);
    const { length } = socketDescriptors(await successorOf(relay.pid));
    for (let times = 2; times <= HANDOVERS; times += 1) {
      await handOver(relay, times);
      await serves(address);
    }
    const newest = await successorOf(relay.pid);
    await until(() => socketDescriptors(newest).length <= length, "clients to be gone");
    expect(await relay.stop()).toBe(0);
  });

  const both = ipv6Loopback.present() ? test : test.skip;
  both("localhost, which is two sockets", async () => {
    await using relay = await startRelay(["localhost:0", bench.echo.address], {
      executable: bench.executable.path,
    });
    const [port = ""] = /\d+$/.exec(relay.address) ?? [];
    for (let times = 1; times <= HANDOVERS; times += 1) {
      await handOver(relay, times);
      await serves(`127.0.0.1:${port}`);
      await serves(`[::1]:${port}`);
    }
    expect(await relay.stop()).toBe(0);
  });
});

// Starts the relay as systemd does: with listening sockets as descriptors 3 and 4, and their names.
const ACTIVATE = `
import os, socket, sys
sockets = [socket.socket(socket.AF_UNIX) for _ in range(2)]
for number, (wire, path) in enumerate(zip(sockets, sys.argv[1:3])):
    wire.bind(path)
    wire.listen(7)
    os.dup2(wire.fileno(), 100 + number)
for number in range(2):
    os.dup2(100 + number, 3 + number)
    os.close(100 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="other:mine")
os.execv(sys.argv[3], sys.argv[3:])
`;

describe.if(await program("python3").present())("a socket that it was started with", () => {
  test.each([
    ["by systemd's name", "systemd:mine"],
    ["by its number", "fd:4"],
  ])("%s", async (_, source) => {
    const paths = ["other", "mine"].map((name) => join(bench.folder, name));
    const [other = "", mine = ""] = paths;
    await using relay = await startRelay([source, bench.echo.address], {
      executable: bench.executable.path,
      prefix: ["python3", "-c", ACTIVATE, ...paths],
    });
    expect(relay.address).toBe(mine);
    const { ino } = lstatSync(mine);
    for (let times = 1; times <= HANDOVERS; times += 1) {
      await handOver(relay, times);
      await serves(mine);
    }
    expect(await relay.stop()).toBe(0);
    // Both belong to whoever made them.
    expect(lstatSync(mine).ino).toBe(ino);
    expect(existsSync(other)).toBe(true);
  });
});

describe("the metrics address", () => {
  test.each([
    ["TCP", () => "127.0.0.1:0"],
    ["Unix", () => join(bench.folder, "metrics")],
  ])("%s is always answered, by the newest process at last", async (_, metrics) => {
    await using relay = await startRelay(
      [`--metrics=${metrics()}`, "127.0.0.1:0", bench.echo.address],
      {
        executable: bench.executable.path,
      },
    );
    const [, address = ""] = /metrics and health on ([^"]+)/.exec(relay.stderr()) ?? [];
    const inode = () => (address.startsWith("/") ? lstatSync(address).ino : 0);
    const before = inode();
    /** Clients that the process that answers has accepted. */
    const accepted = async (): Promise<number> => {
      expect(await ask(address, "/readyz")).toMatchObject({ status: 200, text: "ready\n" });
      return (await metricsOf(address)).get("connections_total") ?? -1;
    };
    await serves(relay.address);
    expect(await accepted()).toBe(1);
    let over = false;
    const asking = Array.from({ length: 4 }, async () => {
      while (!over) await accepted();
    });
    for (let times = 1; times <= HANDOVERS; times += 1) await handOver(relay, times);
    over = true;
    await Promise.all(asking);
    await successorOf(relay.pid);
    // The newest process counts anew.
    expect(await accepted()).toBe(0);
    expect(inode()).toBe(before);
    expect(await relay.stop()).toBe(0);
    if (address.startsWith("/")) expect(existsSync(address)).toBe(false);
  });
});

describe("the admin address", () => {
  test.each([
    ["TCP", () => "127.0.0.1:0"],
    ["Unix", () => join(bench.folder, "admin")],
  ])("%s is always answered, by the newest process at last", async (_, admin) => {
    await using relay = await startRelay(
      [`--admin=${admin()}`, "127.0.0.1:0", bench.echo.address],
      {
        executable: bench.executable.path,
      },
    );
    const [, address = ""] = /status and metrics on ([^"]+)/.exec(relay.stderr()) ?? [];
    const status = async (): Promise<unknown> => {
      const unix = address.startsWith("/") ? { unix: address } : {};
      const host = address.startsWith("/") ? "localhost" : address;
      const response = await fetch(`http://${host}/status`, unix);
      expect(response.status).toBe(200);
      const document: unknown = await response.json();
      return typeof document === "object" && document !== null && "pid" in document
        ? document.pid
        : null;
    };
    expect(await status()).toBe(relay.pid);
    let over = false;
    const asking = Array.from({ length: 4 }, async () => {
      while (!over) await status();
    });
    for (let times = 1; times <= HANDOVERS; times += 1) await handOver(relay, times);
    over = true;
    await Promise.all(asking);
    expect(await status()).toBe(await successorOf(relay.pid));
    expect(await relay.stop()).toBe(0);
    if (address.startsWith("/")) expect(existsSync(address)).toBe(false);
  });
});
