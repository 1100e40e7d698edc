import { expect, test } from "bun:test";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import type { SocketOwner } from "../../../../src/relay/connection/connection.ts";
import { UnadmittedSocket } from "../../../../src/relay/connection/unadmitted-socket.ts";
import { adoptListener } from "../../../../src/relay/listen/bun-listener.ts";
import { ExpectedHeaders } from "../../../../src/relay/proxy-protocol/expected-headers.ts";
import { RawListener, RawSocket } from "../../../support/sockets/raw-socket.ts";
import { until } from "../../../support/waiting.ts";

/** A listener whose clients are proxies: each is waited for until its header is whole. */
function expectProxies() {
  const told: string[] = [];
  let waiting = 0;
  const headers = new ExpectedHeaders({
    observer: { ...silentObserver, waitingForHeader: (change) => void (waiting += change) },
    came: () => void told.push("came"),
    refused: ({ reason }) => void told.push(`refused: ${reason}`),
    cut: () => void told.push("cut"),
  });
  const raw = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const owner: SocketOwner = new UnadmittedSocket(silentObserver);
  const listener = adoptListener(
    raw.handOver(),
    headers.handlersBefore({
      open(socket) {
        socket.data = owner;
        headers.expect(socket, { fd: -1, client: null, source: null });
      },
      data() {},
    }),
  );
  return {
    headers,
    told,
    waiting: () => waiting,
    connect: () => RawSocket.connect(raw.endpoint),
    [Symbol.dispose]: () => listener.stop(),
  };
}

test("a cut resets the proxies that are waited for, and refuses nobody", async () => {
  using proxies = expectProxies();
  using proxy = await proxies.connect();
  await until(() => proxies.headers.count === 1, "the proxy");
  proxies.headers.cut();
  expect(await proxy.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
  expect(proxies.told).toEqual(["cut"]);
  expect([proxies.headers.count, proxies.waiting()]).toEqual([0, 0]);
});

test("a proxy that comes after the cut is reset as well, and refused by nobody", async () => {
  using proxies = expectProxies();
  proxies.headers.cut();
  using proxy = await proxies.connect();
  // Sooner than the 3 s after which a late header would be a refusal.
  expect(await proxy.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
  expect(proxies.told).toEqual(["cut"]);
  await proxies.headers.emptied();
  expect([proxies.headers.count, proxies.waiting()]).toEqual([0, 0]);
});
