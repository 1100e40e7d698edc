import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mayBeLocalPort } from "../../../src/os/local-port-range.ts";

test("the ports of the kernel's range may be local ports, the ports beside it may not", () => {
  const file = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "latin1");
  const [low = 0, high = 0] = file.trim().split(/\s+/).map(Number);
  expect([low - 1, low, high, high + 1].map(mayBeLocalPort)).toEqual([false, true, true, false]);
});

test("a port that the kernel has chosen may be a local port", async () => {
  const socket = { data() {} };
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  const client = await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket });
  expect(mayBeLocalPort(client.localPort)).toBe(true);
  client.terminate();
});
