import { describe, expect, test } from "bun:test";
import { Payload } from "../../support/sockets/payload.ts";
import { IPPROTO_TCP, system, TCP_NODELAY } from "../../support/process/system-calls.ts";
import { turn, until } from "../../support/waiting.ts";
import { bunSockets, HALF_MIB } from "./bun-sockets.ts";

const { accepted, adopted, KINDS } = bunSockets();

const WAYS = [
  ["accepted", accepted],
  ["adopted", adopted],
] as const;

describe.each(WAYS)("an %s socket", (_, make) => {
  describe.each(KINDS)("of %s", (kind, place) => {
    test("has a descriptor, and -1 once it is closed", async () => {
      const { told } = await make(place());
      expect(told.socket.fd).toBeGreaterThan(2);
      told.socket.terminate();
      expect(told.socket.fd).toBe(-1);
      expect(told.course).toEqual(["open", "close"]);
    });

    test("end() closes both directions, although allowHalfOpen", async () => {
      const { told, peer } = await make(place());
      told.socket.end();
      expect(told.course).toEqual(["open", "close"]);
      expect(await peer.readToEnd()).toMatchObject({ ending: "end" });
      if (!peer.isTcp) expect(peer.isHungUp).toBe(true);
    });

    test("shutdown() is a half-close: data still comes in", async () => {
      const { told, peer } = await make(place());
      told.socket.shutdown();
      expect(await peer.readToEnd()).toMatchObject({ length: 0, ending: "end" });
      expect(peer.isHungUp).toBe(false);
      peer.sendAtOnce(new Payload(10));
      await until(() => told.length === 10, "data after shutdown()");
    });

    test("the peer's end of stream is `end`, and writing goes on", async () => {
      const { told, peer } = await make(place());
      peer.sendAtOnce(new Payload(10));
      peer.halfClose();
      await until(() => told.events.includes("end"), "end");
      expect(told.course).toEqual(["open", "data", "end"]);
      expect(told.socket.write(new Payload(10).bytes)).toBe(10);
      expect(await peer.read(10)).toEqual(new Payload(10).received());
      told.socket.shutdown();
      await until(() => told.events.includes("close"), "close");
    });

    test("the peer's end of stream after shutdown() is only `close`", async () => {
      const { told, peer } = await make(place());
      told.socket.shutdown();
      peer.sendAtOnce(new Payload(10));
      peer.halfClose();
      await until(() => told.events.includes("close"), "close");
      expect(told.course).toEqual(["open", "data", "close"]);
    });

    test("a paused one keeps quiet over data and end of stream, and loses nothing", async () => {
      const { told, peer } = await make(place());
      told.socket.pause();
      const size = peer.isTcp ? HALF_MIB : 100_000;
      peer.sendAtOnce(new Payload(size));
      peer.halfClose();
      for (let turns = 0; turns < 20; turns += 1) await turn();
      expect(told.course).toEqual(["open"]);
      told.socket.resume();
      await until(() => told.events.includes("end"), "end");
      expect(told.length).toBe(size);
    });

    test("a chunk has 512 KiB at most, and is the handler's to keep", async () => {
      const { told, peer } = await make(place());
      const payload = new Payload(8 * HALF_MIB);
      await peer.send(payload);
      await until(() => told.length === payload.length, "all data");
      expect(Math.max(...told.chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(HALF_MIB);
      const hash = new Bun.CryptoHasher("sha256");
      for (const chunk of told.chunks) hash.update(chunk);
      expect(hash.digest("hex")).toBe(payload.received().sha256);
    });

    test("write() takes what the kernel takes and no more, then 0; `drain` follows", async () => {
      const { told, peer } = await make(place());
      const payload = new Payload(256 * 1024 * 1024);
      let sent = 0;
      let took: number;
      do {
        took = told.socket.write(payload.piece(sent));
        sent += took;
      } while (took > 0);
      expect(took).toBe(0);
      told.events.length = 0;
      expect(await peer.read(sent)).toEqual(payload.received(sent));
      await until(() => told.events.includes("drain"), "drain");
    });

    test("pause() and resume() of a full socket: `drain` follows, without a write that came short", async () => {
      const { told, peer } = await make(place());
      const block = new Uint8Array(64 * 1024);
      while (system.send(told.socket.fd, block) > 0);
      told.events.length = 0;
      told.socket.pause();
      told.socket.resume();
      for (let turns = 0; turns < 50; turns += 1) await turn();
      expect(told.events).toEqual([]);
      while (!told.events.includes("drain")) {
        peer.tryReceive();
        await turn();
      }
    });

    test("write() to a peer that is gone is -1, and the peer's own bytes still come", async () => {
      const { told, peer } = await make(place());
      peer.sendAtOnce(new Payload(10));
      if (peer.isTcp) peer.reset();
      else peer.close();
      expect(told.socket.write(new Payload(1).bytes)).toBe(-1);
      await until(() => told.events.some((event) => event.startsWith("close")), "close");
      expect(told.length).toBe(10);
      // The write took the error from the socket: a reset then looks like a clean end.
      expect(told.course).toEqual(["open", "data", "end", "close"]);
    });

    if (kind === "TCP") {
      test("a reset is `close` with ECONNRESET", async () => {
        const { told, peer } = await make(place());
        peer.sendAtOnce(new Payload(10));
        peer.reset();
        await until(() => told.course.length > 2, "close");
        expect(told.course).toEqual(["open", "data", "close ECONNRESET"]);
      });

      test("a reset after the peer's end of stream is `close` with EPIPE", async () => {
        const { told, peer } = await make(place());
        peer.halfClose();
        await until(() => told.events.includes("end"), "end");
        peer.reset();
        await until(() => told.course.length > 2, "close");
        expect(told.course).toEqual(["open", "end", "close EPIPE"]);
      });

      test("a paused one is told of a reset at once", async () => {
        const { told, peer } = await make(place());
        told.socket.pause();
        peer.sendAtOnce(new Payload(10));
        peer.reset();
        await until(() => told.course.length > 2, "close");
        expect(told.course).toEqual(["open", "data", "close ECONNRESET"]);
      });

      test("terminate() is a reset", async () => {
        const { told, peer } = await make(place());
        told.socket.terminate();
        expect(await peer.readToEnd()).toMatchObject({ ending: "ECONNRESET" });
      });

      test("sends small chunks without delay", async () => {
        const { told } = await make(place());
        expect(system.getOption(told.socket.fd, IPPROTO_TCP, TCP_NODELAY)).toBe(1);
      });
    } else {
      test("the peer's close with unread data is `close` with ECONNRESET", async () => {
        const { told, peer } = await make(place());
        told.socket.write(new Payload(10).bytes);
        peer.sendAtOnce(new Payload(10));
        peer.close();
        await until(() => told.course.length > 2, "close");
        expect(told.course).toEqual(["open", "data", "close ECONNRESET"]);
      });

      test("a paused one is not told that the peer has gone before it is resumed", async () => {
        const { told, peer } = await make(place());
        told.socket.pause();
        peer.close();
        for (let turns = 0; turns < 20; turns += 1) await turn();
        expect(told.course).toEqual(["open"]);
        told.socket.resume();
        await until(() => told.events.includes("close"), "close");
      });
    }
  });
});
