import { describe, expect, test } from "bun:test";
import { SystemCallError } from "../../../../src/os/errno.ts";
import { bindTcp, type TcpBinder } from "../../../../src/relay/listen/bind-tcp-addresses.ts";

/** A system of which a test says what it has; its ports are counted up from 1. */
class FakeSystem implements TcpBinder<string> {
  readonly open = new Set<string>();
  readonly notices: string[] = [];
  readonly #fails: (host: string, port: number) => string | undefined;
  #lastPort = 0;

  constructor(fails: (host: string, port: number) => string | undefined = () => undefined) {
    this.#fails = fails;
  }

  async listen(host: string, port: number) {
    return await bindTcp({ host, port }, this, (message) => void this.notices.push(message));
  }

  bind(host: string, port: number): string {
    const chosen = port === 0 ? (this.#lastPort += 1) : port;
    const code = this.#fails(host, chosen);
    if (code !== undefined) throw new SystemCallError(code);
    const bound = `${host} ${chosen}`;
    this.open.add(bound);
    return bound;
  }

  port(bound: string): number {
    return Number(bound.split(" ")[1]);
  }

  close(bound: string): void {
    this.open.delete(bound);
  }
}

const lacks =
  (absent: string, code: string) =>
  (host: string): string | undefined =>
    host === absent ? code : undefined;

describe("an empty host", () => {
  test("is one socket of both families", async () => {
    const system = new FakeSystem();
    expect(await system.listen("", 80)).toEqual({ sockets: [":: 80"], port: 80 });
    expect(system.notices).toEqual([]);
  });

  test.each(["EAFNOSUPPORT", "EADDRNOTAVAIL"])(
    "is IPv4 alone if IPv6 fails with %s, and says so",
    async (code) => {
      const system = new FakeSystem(lacks("::", code));
      expect(await system.listen("", 80)).toEqual({ sockets: ["0.0.0.0 80"], port: 80 });
      expect(system.notices).toEqual([expect.stringContaining("no IPv6")]);
    },
  );

  test("is an error if the port is taken, not IPv4 alone", async () => {
    const system = new FakeSystem(lacks("::", "EADDRINUSE"));
    await expect(system.listen("", 80)).rejects.toMatchObject({ code: "EADDRINUSE" });
    expect(system.open.size).toBe(0);
  });

  test("is IPv4's error if there is neither", async () => {
    const system = new FakeSystem(() => "EAFNOSUPPORT");
    await expect(system.listen("", 80)).rejects.toMatchObject({ code: "EAFNOSUPPORT" });
    expect(system.notices).toEqual([]);
  });
});

describe.each(["localhost", "LOCALHOST.", "a.localhost"])("%s", (host) => {
  test.each([80, 0])("is both loopback addresses, one port (%p)", async (port) => {
    const system = new FakeSystem();
    const { sockets, port: chosen } = await system.listen(host, port);
    expect(chosen).toBe(port === 0 ? 1 : 80);
    expect(sockets).toEqual([`127.0.0.1 ${chosen}`, `::1 ${chosen}`]);
    expect(system.notices).toEqual([]);
  });

  test.each([
    ["::1", "127.0.0.1"],
    ["127.0.0.1", "::1"],
  ])("is without %s if the system has none, and says so", async (absent, other) => {
    for (const code of ["EADDRNOTAVAIL", "EAFNOSUPPORT"]) {
      const system = new FakeSystem(lacks(absent, code));
      expect(await system.listen(host, 80)).toEqual({ sockets: [`${other} 80`], port: 80 });
      expect(system.notices).toEqual([expect.stringContaining(`no ${absent}`)]);
    }
  });

  test("is an error if the port is taken at one of them, and nothing stays open", async () => {
    for (const taken of ["127.0.0.1", "::1"]) {
      const system = new FakeSystem(lacks(taken, "EADDRINUSE"));
      await expect(system.listen(host, 80)).rejects.toMatchObject({ code: "EADDRINUSE" });
      expect(system.open.size).toBe(0);
    }
  });

  test("gets another port if the system's choice is taken at the other address", async () => {
    const system = new FakeSystem((at, port) =>
      at === "::1" && port < 4 ? "EADDRINUSE" : undefined,
    );
    const { sockets, port } = await system.listen(host, 0);
    expect({ sockets, port }).toEqual({ sockets: ["127.0.0.1 4", "::1 4"], port: 4 });
    expect(system.open).toEqual(new Set(sockets));
  });

  test("does not look for a port for ever", async () => {
    const system = new FakeSystem(lacks("::1", "EADDRINUSE"));
    await expect(system.listen(host, 0)).rejects.toMatchObject({ code: "EADDRINUSE" });
    expect(system.open.size).toBe(0);
  });
});

describe("any other host", () => {
  test.each(["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])("%s is that address", async (host) => {
    const system = new FakeSystem();
    expect(await system.listen(host, 80)).toEqual({ sockets: [`${host} 80`], port: 80 });
  });

  test("fails with the resolver's code if there is no such name", async () => {
    // No resolver is asked for a name of such a form (RFC 6761 6.4).
    await expect(new FakeSystem().listen("no-such-name.invalid", 80)).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_\w+)$/),
    });
  });
});
