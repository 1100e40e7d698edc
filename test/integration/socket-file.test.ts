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
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";

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

  test("may have the longest name that the kernel takes", async () => {
    path = join(folder, "s".repeat(107 - folder.length - 1));
    await start();
    expect(path).toHaveLength(107);
    expect(await isServed()).toBe(true);
  });

  test("may be the shortest name in the longest folder", async () => {
    const deep = join(folder, "d".repeat(105 - folder.length - 1));
    mkdirSync(deep);
    path = join(deep, "s");
    await start();
    expect(path).toHaveLength(107);
    expect(await isServed()).toBe(true);
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

test("a file that somebody removed is noticed, and the relay goes on", async () => {
  const warned = Promise.withResolvers<string>();
  const relay = await start({ observer: { warning: warned.resolve } });
  rmSync(path);
  expect(await warned.promise).toContain("file is gone");
  await relay.stop({ drainTimeout: 0 });
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

  test("a file", async () => {
    writeFileSync(path, "precious");
    expect((await refusal()).message).toContain("no socket");
    expect(readFileSync(path, "utf8")).toBe("precious");
    expect(readdirSync(folder)).toEqual(["socket"]);
  });

  test("a folder", async () => {
    mkdirSync(path);
    expect((await refusal()).code).toBe("EADDRINUSE");
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
    expect(await refusal()).toMatchObject({ code: "ENOENT", address: path });
    expect(readdirSync(folder)).toEqual([]);
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
