import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { AddressError, createRelay, printAddress, type SocketEndpoint } from "../../src/index.ts";
import { AF_UNIX, errnoName, system } from "../support/process/system-calls.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { folderForEachTest } from "../support/temporary-folder.ts";

// What the kernel takes (unix(7)): sun_path has 108 bytes, and an abstract name begins with a NUL.
const PATH_MOST = 108;
const ABSTRACT_MOST = 107;

let folder: string;
folderForEachTest("name-limits", (path) => void (folder = path));

type Name = readonly [what: string, name: (bytes: number) => SocketEndpoint, most: number];

const NAMES: readonly Name[] = [
  ["a path", longName, PATH_MOST],
  ["a path of one letter in a long folder", longFolder, PATH_MOST],
  ["an abstract name", abstract, ABSTRACT_MOST],
];

function longName(bytes: number): SocketEndpoint {
  return { kind: "unix", path: join(folder, "n".repeat(bytes - folder.length - 1)) };
}

function longFolder(bytes: number): SocketEndpoint {
  const path = join(folder, "f".repeat(bytes - folder.length - 3), "n");
  mkdirSync(dirname(path), { recursive: true });
  return { kind: "unix", path };
}

function abstract(bytes: number): SocketEndpoint {
  return { kind: "abstract", name: crypto.randomUUID().padEnd(bytes, "a") };
}

/** What bind(2) says to the name, which it gets without a NUL at its end. */
function bind(endpoint: SocketEndpoint): number | string {
  const name = printAddress(endpoint).replace(/^@/, "\0");
  const fd = system.socket(AF_UNIX);
  const bound = system.bind(fd, new Uint8Array([AF_UNIX, 0, ...Buffer.from(name)]));
  system.close(fd);
  return bound < 0 ? errnoName(bound) : bound;
}

describe.each(NAMES)("%s", (_, make, most) => {
  test("as long as the kernel takes is a source and a destination", async () => {
    const source = make(most);
    // Of the same length.
    const destination: SocketEndpoint =
      source.kind === "unix"
        ? { kind: "unix", path: `${source.path.slice(0, -1)}d` }
        : abstract(most);
    using server = new RawListener(destination);
    await using relay = await createRelay({ source, destination });
    expect(relay.endpoint).toEqual(source);
    using client = await RawSocket.connect(source);
    using served = await server.accept();
    await client.send(new Payload(100));
    expect(await served.read(100)).toEqual(new Payload(100).received());
  });

  test("one byte longer is refused, by the kernel as well", async () => {
    expect(bind(make(most))).toBe(0);
    const longer = printAddress(make(most + 1));
    expect(bind(make(most + 1))).toBe("EINVAL");
    for (const role of ["source", "destination"] as const) {
      const addresses = { source: "127.0.0.1:0", destination: "127.0.0.1:1", [role]: longer };
      const started = createRelay(addresses);
      await expect(started).rejects.toThrow(AddressError);
      await expect(started).rejects.toThrow(`${most + 1} bytes are too long`);
    }
  });
});
