import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAddress, type SocketEndpoint } from "../../src/address/address.ts";
import { PassedSockets } from "../../src/process/handover/systemd-sockets-across-handovers.ts";
import { silentObserver } from "../../src/relay/combine-observers.ts";
import { RelayError } from "../../src/relay/error.ts";
import { startRelay } from "../../src/relay/running-relay.ts";
import { libc } from "../../src/os/libc.ts";
import { RawListener } from "../support/sockets/raw-socket.ts";

let after = new DisposableStack();
afterEach(() => {
  after.dispose();
  after = new DisposableStack();
});

/** The process has a descriptor of its own of each. */
function passed(name: string, source: SocketEndpoint) {
  const listener = new RawListener(source);
  after.defer(() => listener.close());
  return { fd: libc?.duplicate(listener.fd) ?? -1, name, endpoint: listener.endpoint };
}

/** Sockets that systemd passed under these names, and where they listen. */
function sockets(...given: readonly (readonly [name: string, source: SocketEndpoint])[]) {
  const all = given.map(([name, source]) => passed(name, source));
  const own = after.use(PassedSockets.ofFirst({ sockets: all, missing: "" }));
  return { own, endpoints: all.map(({ endpoint }) => endpoint) };
}

function address(text: string): SocketEndpoint {
  return parseAddress(text, "destination");
}

function path(): string {
  const folder = mkdtempSync(join(tmpdir(), "passed-"));
  after.defer(() => rmSync(folder, { recursive: true }));
  return join(folder, "socket");
}

/** Whether a relay gets a socket, which is closed. */
function adopts(own: PassedSockets, relay: string, source: SocketEndpoint, mode?: number): boolean {
  const adopted = own.adopt(relay, source, mode);
  if (adopted?.kind === "descriptors") for (const fd of adopted.fds) libc?.close(fd);
  return adopted !== null;
}

const ANY_PORT = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

describe("a source that is an address", () => {
  test("has the socket that listens there, whatever its name", () => {
    const file = path();
    const { own, endpoints } = sockets(
      ["source", ANY_PORT],
      ["x", { kind: "unix", path: file }],
      ["y", { kind: "abstract", name: file }],
    );
    const [tcp = ANY_PORT] = endpoints;
    expect(adopts(own, "one", tcp)).toBe(true);
    expect(adopts(own, "two", { kind: "unix", path: file.replace("/socket", "/./socket") })).toBe(
      true,
    );
    expect(own.unused).toEqual([`y (@${file})`]);
    expect(adopts(own, "three", { kind: "abstract", name: file })).toBe(true);
    expect(own.unused).toEqual([]);
  });

  test("has none where systemd passed none for it", () => {
    const { own } = sockets(["a", ANY_PORT]);
    expect(adopts(own, "b", address("127.0.0.1:9"))).toBe(false);
    expect(own.unused).toHaveLength(1);
    expect(own.unknown).toEqual([]);
  });

  test("is named if others have a socket and it has none", () => {
    const { own, endpoints } = sockets(["a", ANY_PORT]);
    expect(adopts(own, "b", address("127.0.0.1:9"))).toBe(false);
    expect(adopts(own, "a", endpoints[0] ?? ANY_PORT)).toBe(true);
    expect(own.unknown).toEqual(["127.0.0.1:9"]);
  });

  test("is refused where the socket of its name listens elsewhere", () => {
    const { own } = sockets(["a", ANY_PORT]);
    expect(() => own.adopt("a", address("/run/a/s"), undefined)).toThrow(RelayError);
    expect(() => own.adopt("a", address("/run/a/s"), undefined)).toThrow(
      /^cannot listen on \/run\/a\/s: systemd listens on 127\.0\.0\.1:\d+ for this relay; write the/,
    );
  });

  test("is refused where its file lets in more users than its mode", () => {
    const source = { kind: "unix", path: path() } as const;
    const { own } = sockets(["a", source]);
    chmodSync(source.path, 0o660);
    expect(adopts(own, "a", source, 0o666)).toBe(true);
    expect(adopts(own, "a", source, 0o660)).toBe(true);
    expect(() => own.adopt("a", source, 0o600)).toThrow(
      "systemd made the file with mode 0660, not 0600; write the units again",
    );
  });
});

test("a relay at a passed socket warns of a namespace of its destination that is missing", async () => {
  const { own, endpoints } = sockets(["x", ANY_PORT]);
  const [endpoint = ANY_PORT] = endpoints;
  const source = own.adopt("x", endpoint, undefined);
  if (source === null) throw new Error("the socket was not passed");
  const warnings: string[] = [];
  const relay = await startRelay({
    source,
    destination: { kind: "tcp", host: "127.0.0.1", port: 9 },
    destinationNetns: join(tmpdir(), "no-such-namespace"),
    observer: { ...silentObserver, warning: (message) => warnings.push(message) },
  });
  await relay.stop();
  expect(warnings).toContainEqual(expect.stringContaining("no-such-namespace"));
});
