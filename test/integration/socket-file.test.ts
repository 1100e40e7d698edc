import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRelay, type Relay, RelayError, type RelayOptions } from "../../src/index.ts";
import { turn } from "../support/waiting.ts";
import {
  AF_UNIX,
  errnoName,
  must,
  POLLHUP,
  POLLIN,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  system,
} from "../support/process/system-calls.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { encodeName } from "../support/sockets/socket-name.ts";

let folder: string;
let path: string;
const relays: Relay[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "socket-file-"));
  path = join(folder, "socket");
});

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop({ drainTimeout: 0 })));
  rmSync(folder, { recursive: true });
});

async function start(options: Partial<RelayOptions> = {}): Promise<Relay> {
  // Nobody answers there: what matters here is the source.
  const relay = await createRelay({ source: path, destination: "127.0.0.1:1", ...options });
  relays.push(relay);
  return relay;
}

async function refusal(): Promise<RelayError> {
  const error: unknown = await start().then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RelayError)) throw new Error(`no RelayError but ${String(error)}`);
  return error;
}

/** A socket's file that nobody serves any more. */
function leaveStaleSocket(): void {
  new RawListener({ kind: "unix", path }).close();
}

const modeOf = (file: string) => lstatSync(file).mode & 0o777;

async function isServed(): Promise<boolean> {
  try {
    using _socket = await RawSocket.connect({ kind: "unix", path });
    return true;
  } catch {
    return false;
  }
}

describe("a Unix source's file", () => {
  test("is alone in its folder while the relay runs, and gone when it has stopped", async () => {
    const relay = await start();
    expect(readdirSync(folder)).toEqual(["socket"]);
    expect(await isServed()).toBe(true);
    await relay.stop({ drainTimeout: 0 });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("has the mode that the umask leaves", async () => {
    await start();
    expect(modeOf(path)).toBe(0o777 & ~process.umask());
  });

  test("has the mode, the owner and the group that were asked for", async () => {
    const isRoot = process.getuid?.() === 0;
    await start({ mode: 0o640, ...(isRoot && { owner: 1234, group: 4321 }) });
    expect(modeOf(path)).toBe(0o640);
    if (!isRoot) return;
    expect(lstatSync(path)).toMatchObject({ uid: 1234, gid: 4321 });
  });

  test("never shows a mode that was not asked for", async () => {
    const seen = new Set<number>();
    const look = () => {
      for (const name of readdirSync(folder)) {
        // A private folder is where the socket is made.
        const file = lstatSync(join(folder, name));
        seen.add(file.isDirectory() ? file.mode & 0o077 : file.mode & 0o777);
      }
    };
    let started = false;
    const starting = start({ mode: 0o600 }).then(() => (started = true));
    for (; !started; await turn()) look();
    await starting;
    look();
    expect(seen).toEqual(new Set([0, 0o600]));
  });

  test("is the file of a path whose folder is a symbolic link", async () => {
    mkdirSync(join(folder, "real"));
    symlinkSync("real", join(folder, "link"));
    path = join(folder, "link", "socket");
    const relay = await start();
    expect(readdirSync(join(folder, "real"))).toEqual(["socket"]);
    await relay.stop({ drainTimeout: 0 });
    expect(readdirSync(join(folder, "real"))).toEqual([]);
  });

  test("replaces a stale socket", async () => {
    leaveStaleSocket();
    const stale = lstatSync(path).ino;
    await start();
    expect(await isServed()).toBe(true);
    expect(lstatSync(path).ino).not.toBe(stale);
  });

  test("stays when another has taken its place", async () => {
    const relay = await start();
    renameSync(path, join(folder, "moved"));
    using _successor = new RawListener({ kind: "unix", path });
    await relay.stop({ drainTimeout: 0 });
    expect(readdirSync(folder).sort()).toEqual(["moved", "socket"]);
    expect(await isServed()).toBe(true);
  });
});

test("a file that somebody took away is noticed, and its return too", async () => {
  const lost = Promise.withResolvers<void>();
  const back = Promise.withResolvers<void>();
  await start({ observer: { sourceLost: () => lost.resolve(), sourceBack: () => back.resolve() } });
  renameSync(path, `${path}.away`);
  await lost.promise;
  renameSync(`${path}.away`, path);
  await back.promise;
  expect(await isServed()).toBe(true);
});

describe("what is at the path already is left alone", () => {
  test("a live socket", async () => {
    const relay = await start();
    expect(await refusal()).toMatchObject({ code: "EADDRINUSE", address: path });
    expect(await isServed()).toBe(true);
    expect(readdirSync(folder)).toEqual(["socket"]);
    expect(relay.endpoint).toEqual({ kind: "unix", path });
  });

  test("a live socket whose queue is full", async () => {
    using listener = new RawListener({ kind: "unix", path }, 0);
    using _waiting = await RawSocket.connect(listener.endpoint);
    expect((await refusal()).code).toBe("EADDRINUSE");
    expect(readdirSync(folder)).toEqual(["socket"]);
  });

  test.each([
    ["a datagram socket", SOCK_DGRAM, false],
    ["a socket of packets", SOCK_SEQPACKET, true],
    ["a stream socket that does not listen", SOCK_STREAM, false],
    ["a stream socket that listens", SOCK_STREAM, true],
  ])("%s, which notices nothing", async (_, type, listens) => {
    const fd = must("socket", system.socket(AF_UNIX, type));
    try {
      must("bind", system.bind(fd, encodeName({ kind: "unix", path })));
      if (listens) must("listen", system.listen(fd, 8));
      expect((await refusal()).message).toContain("another program serves that socket");
      expect(readdirSync(folder)).toEqual(["socket"]);
      if (listens) expect(errnoName(system.accept(fd))).toBe("EAGAIN");
      expect(system.poll([{ fd, events: POLLIN }], 0)).toEqual([
        type === SOCK_STREAM && !listens ? POLLHUP : 0,
      ]);
    } finally {
      system.close(fd);
    }
  });

  test("a file", async () => {
    writeFileSync(path, "precious");
    expect((await refusal()).message).toContain("not a socket");
    expect(readFileSync(path, "utf8")).toBe("precious");
    expect(readdirSync(folder)).toEqual(["socket"]);
  });

  test("a folder", async () => {
    mkdirSync(path);
    const { code, message } = await refusal();
    expect(code).toBe("EADDRINUSE");
    expect(message).toContain(`a folder is there; choose a path in it, such as ${path}/socket`);
    expect(lstatSync(path).isDirectory()).toBe(true);
  });

  test("a symbolic link, even to a stale socket", async () => {
    leaveStaleSocket();
    renameSync(path, join(folder, "target"));
    symlinkSync("target", path);
    expect((await refusal()).code).toBe("EADDRINUSE");
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(existsSync(join(folder, "target"))).toBe(true);
  });

  test("a folder that is not there", async () => {
    path = join(folder, "missing", "socket");
    const error = await refusal();
    expect(error).toMatchObject({ code: "ENOENT", address: path });
    expect(error.message).toContain("--directory-mode=");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("the private folder in which a socket is made", () => {
  const name = `.socket.relay-${process.geteuid?.() ?? 0}`;
  let squat: string;

  beforeEach(() => {
    squat = join(folder, name);
  });

  test("is used again if a relay that was killed has left it, with a socket in it", async () => {
    mkdirSync(squat, { mode: 0o700 });
    new RawListener({ kind: "unix", path: join(squat, "left") }).close();
    const relay = await start();
    expect(readdirSync(folder).toSorted()).toEqual([name, "socket"]);
    await relay.stop({ drainTimeout: 0 });
    expect(readdirSync(squat)).toEqual(["left"]);
  });

  test.each([
    ["a file", () => writeFileSync(squat, "precious")],
    ["a folder that others may enter", () => mkdirSync(squat, { mode: 0o755 })],
    ["a link to a private folder", () => symlinkSync("private", squat)],
    ["a link to nothing", () => symlinkSync("nothing", squat)],
  ])("has another name where that one is %s, and a stale socket is replaced", async (_, make) => {
    mkdirSync(join(folder, "private"), { mode: 0o700 });
    make();
    const before = lstatSync(squat, { bigint: true });
    leaveStaleSocket();
    await start();
    expect(await isServed()).toBe(true);
    expect(readdirSync(folder).toSorted()).toEqual([name, "private", "socket"]);
    expect(lstatSync(squat, { bigint: true })).toEqual(before);
    expect(readdirSync(join(folder, "private"))).toEqual([]);
  });
});

describe("a destination that is the source is refused, and leaves no file", () => {
  const failure = (options: Parameters<typeof start>[0]) =>
    start(options).catch((reason: unknown) => reason);

  // Known before anything is bound: the folders are resolved as the kernel does it.
  async function refusedByName(destination: string): Promise<void> {
    const error = await failure({ destination });
    expect(error).toMatchObject({ name: "AddressError" });
    expect(String(error)).toContain(`"${destination}": the destination is the source`);
    expect(existsSync(path)).toBe(false);
  }

  test("by a link to its folder", async () => {
    symlinkSync(".", join(folder, "link"));
    await refusedByName(join(folder, "link", "socket"));
  });

  test("by a link to the source's folder in the source's own path", async () => {
    mkdirSync(join(folder, "real"));
    symlinkSync("real", join(folder, "link"));
    path = join(folder, "link", "socket");
    await refusedByName(join(folder, "real", "socket"));
  });

  // Known once the source is bound: the link leads to a socket that was not there before.
  test.each([1, 2])("by a link to the file, %d workers", async (workers) => {
    symlinkSync("socket", join(folder, "link"));
    const destination = join(folder, "link");
    const error = await failure({ destination, workers });
    expect(error).toMatchObject({ code: "ELOOP" });
    if (workers === 1) expect(error).toMatchObject({ name: "RelayError", address: path });
    expect(String(error)).toContain(destination);
    expect(existsSync(path)).toBe(false);
  });
});

test("of twenty relays that start on one stale path, one wins", async () => {
  for (let round = 0; round < 10; round += 1) {
    leaveStaleSocket();
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => start()));
    const won = outcomes.filter(({ status }) => status === "fulfilled");
    expect(won).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(["socket"]);
    expect(await isServed()).toBe(true);
    await Promise.all(relays.splice(0).map((relay) => relay.stop({ drainTimeout: 0 })));
    expect(readdirSync(folder)).toEqual([]);
  }
});
