import { expect, test } from "bun:test";
import { libc } from "../../../src/os/libc.ts";
import { readTcpInfo } from "../../../src/os/tcp-info.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { socketPair } from "../../support/sockets/socket-pair.ts";
import { until } from "../../support/waiting.ts";

if (libc === null) throw new Error("these tests need the C library through bun:ffi");
const system = libc;

test("a peer that has everything owes nothing; one that has no room leaves bytes waiting", async () => {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  using end = await RawSocket.connect(listener.endpoint);
  using _peer = await listener.accept();
  end.sendAtOnce(new Payload(1_000));
  const info = () => readTcpInfo(system, end.fd);
  await until(() => info()?.unacknowledged === 0, "an acknowledgement");
  expect(info()).toMatchObject({ unacknowledged: 0, waiting: 0, probes: 0, retransmissions: 0 });
  expect(info()?.sinceAnswer).toBeWithin(0, 5_000);
  await end.fill(new Payload(256 * 1024 * 1024), 50);
  expect(info()?.waiting).toBeGreaterThan(0);
});

test("of a Unix socket there is nothing to know", () => {
  using pair = socketPair();
  expect(readTcpInfo(system, pair.one)).toBeNull();
});
