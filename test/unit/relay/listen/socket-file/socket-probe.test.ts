import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { type Libc, libc } from "../../../../../src/os/libc.ts";
import { SO_TYPE, SOCK_DGRAM, SOL_SOCKET } from "../../../../../src/os/linux-constants.ts";
import { probeSocket } from "../../../../../src/relay/listen/socket-file/socket-probe.ts";
import { RawListener } from "../../../../support/sockets/raw-socket.ts";

if (libc === null) throw new Error("these tests need FFI");
const system = libc;

let folder: string;
let own: RawListener;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "socket-probe-"));
  own = listenAt("own");
});
afterEach(() => {
  own.close();
  rmSync(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);

function listenAt(name: string, backlog?: number): RawListener {
  return new RawListener({ kind: "unix", path: at(name) }, backlog);
}

describe("a socket's file", () => {
  test("is bound while some process has the socket", () => {
    using server = listenAt("server");
    expect(probeSocket(system, at("server"), at("own"))).toBe("bound");
    expect(server.tryAccept()).toBeNull();
  });

  test("is stale afterwards", () => {
    listenAt("server").close();
    expect(probeSocket(system, at("server"), at("own"))).toBe("stale");
    expect(probeSocket(system, at("server"), null)).toBe("stale");
    expect(own.tryAccept()).toBeNull();
  });

  test("is neither if the kernel does not say", () => {
    const silent: Libc = { ...system, connect: () => -constants.errno.EACCES };
    expect(probeSocket(silent, at("server"), at("own"))).toEqual({ unknown: "EACCES" });
    const exhausted: Libc = { ...system, socket: () => -constants.errno.EMFILE };
    expect(probeSocket(exhausted, at("server"), at("own"))).toEqual({ unknown: "EMFILE" });
  });
});

describe("where sockets of another type look as if there were none", () => {
  const imitation: Libc = {
    ...system,
    connect: (fd, address) =>
      system.getOption(fd, SOL_SOCKET, SO_TYPE) === SOCK_DGRAM
        ? -constants.errno.ECONNREFUSED
        : system.connect(fd, address),
  };

  test("a live socket is connected to in earnest", () => {
    using server = listenAt("server");
    expect(probeSocket(imitation, at("server"), at("own"))).toBe("bound");
    expect(server.tryAccept()).not.toBeNull();
  });

  test("a live socket with a full queue is bound", () => {
    using server = listenAt("server", 0);
    probeSocket(imitation, at("server"), at("own"));
    expect(probeSocket(imitation, at("server"), at("own"))).toBe("bound");
    server.close();
  });

  test("a stale socket is stale", () => {
    listenAt("server").close();
    expect(probeSocket(imitation, at("server"), at("own"))).toBe("stale");
  });
});
