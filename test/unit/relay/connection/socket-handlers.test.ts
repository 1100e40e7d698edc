import { expect, test } from "bun:test";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import { handlers } from "../../../../src/relay/connection/socket-handlers.ts";
import { UnadmittedSocket } from "../../../../src/relay/connection/unadmitted-socket.ts";
import { adoptListener } from "../../../../src/relay/listen/bun-listener.ts";
import { Payload } from "../../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../../support/sockets/raw-socket.ts";

test("the events of a socket without a connection are ignored; an error is a fault and closes it", async () => {
  const faults: unknown[] = [];
  const owner = new UnadmittedSocket({
    ...silentObserver,
    fault: (error) => void faults.push(error),
  });
  const raw = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const bug = new Error("a bug");
  let events = 0;
  const listener = adoptListener(raw.handOver(), {
    ...handlers,
    open(socket) {
      socket.data = owner;
    },
    data(socket, chunk) {
      void handlers.data?.(socket, chunk);
      events += 1;
    },
    end(socket) {
      void handlers.end?.(socket);
      throw bug;
    },
  });
  using client = await RawSocket.connect(raw.endpoint);
  client.sendAtOnce(new Payload(10));
  client.halfClose();
  await client.hangUp();
  expect(events).toBe(1);
  expect(faults).toEqual([bug]);
  listener.stop();
});
