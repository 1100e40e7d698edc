import { describe, expect, test } from "bun:test";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { encodeName, familyOf } from "../../support/sockets/socket-name.ts";
import { must, system, SystemCallError } from "../../support/process/system-calls.ts";
import { turn, until } from "../../support/waiting.ts";
import { bunSockets, handlers, LOOPBACK, pathOf, Told } from "./bun-sockets.ts";

const { adopt, kept, unixPlace } = bunSockets();

describe("Bun.connect({ fd })", () => {
  test("opens inside the call, and delivers what a peer sent that is long gone", async () => {
    const listener = kept(new RawListener(unixPlace()));
    const fd = must("socket", system.socket(familyOf(listener.endpoint)));
    must("connect", system.connect(fd, encodeName(listener.endpoint)));
    const peer = listener.tryAccept();
    peer?.sendAtOnce(new Payload(1_000));
    peer?.close();
    const told = adopt(fd);
    expect(told.events).toEqual(["open"]);
    await until(() => told.events.includes("close") || told.events.includes("end"), "an end");
    expect(told.length).toBe(1_000);
  });

  test("takes a connecting TCP socket: `drain` says that it is connected, not before", async () => {
    const listener = kept(new RawListener(LOOPBACK, 0));
    const plug = kept(RawSocket.dial(listener.endpoint));
    await until(() => plug.ports.peer !== 0, "the plug");
    const fd = must("socket", system.socket(familyOf(listener.endpoint)));
    const address = encodeName(listener.endpoint);
    expect(() => must("connect", system.connect(fd, address))).toThrow("EINPROGRESS");
    const told = adopt(fd);
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(told.events).toEqual(["open"]);
    expect(() => must("connect", system.connect(fd, address))).toThrow("EALREADY");
    listener.tryAccept()?.close();
    // The kernel sends the SYN again after a second.
    await until(() => told.events.includes("drain"), "drain");
    expect(system.connect(fd, address)).toBe(0);
  });

  test("a connecting TCP socket that is refused is `close` with ECONNREFUSED", async () => {
    const port = freePort();
    const fd = must("socket", system.socket(familyOf({ ...LOOPBACK, port })));
    system.connect(fd, encodeName({ ...LOOPBACK, port }));
    const told = adopt(fd);
    await until(() => told.events.length > 1, "an event");
    expect(told.events.slice(0, 2)).toEqual(["open", "close ECONNREFUSED"]);
  });

  test("of a Unix socket, Bun's own connect calls a full queue ECONNREFUSED", async () => {
    const place = unixPlace();
    const listener = kept(new RawListener(place, 0));
    kept(RawSocket.dial(listener.endpoint));
    expect(() => RawSocket.dial(listener.endpoint)).toThrow(
      new SystemCallError("connect", "EAGAIN").message,
    );
    const connecting = Bun.connect({
      unix: pathOf(place),
      data: new Told(),
      socket: { ...handlers, connectError() {} },
    });
    await expect(connecting).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});

/** A port where nobody listens. */
function freePort(): number {
  using listener = new RawListener(LOOPBACK);
  return listener.endpoint.kind === "tcp" ? listener.endpoint.port : 0;
}
