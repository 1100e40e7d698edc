import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createRelay, type Relay, RelayError } from "../../src/index.ts";
import { errnoName, must, system } from "../support/process/system-calls.ts";
import { RawSocket } from "../support/sockets/raw-socket.ts";

const isRoot = process.getuid?.() === 0;
const STRANGER = 65_534;

let folder: string;
const relays: Relay[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "source-folders-"));
});

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop({ drainTimeout: 0 })));
  rmSync(folder, { recursive: true });
});

async function start(source: string, directoryMode?: number): Promise<void> {
  // Nobody answers there: what matters here is the source.
  const relay = await createRelay({ source, destination: "127.0.0.1:1", directoryMode });
  relays.push(relay);
  using _client = await RawSocket.connect({ kind: "unix", path: source });
}

async function refusal(source: string, directoryMode?: number): Promise<RelayError> {
  const error: unknown = await start(source, directoryMode).catch((reason: unknown) => reason);
  if (!(error instanceof RelayError)) throw new Error(`no RelayError but ${String(error)}`);
  return error;
}

const DEFAULT_LIST = "system.posix_acl_default";
const OWN_LIST = "system.posix_acl_access";

/** `user::rwx, user:USER:rwx, group::rwx, mask::rwx, other::---` (linux/posix_acl_xattr.h). */
function listOf(user: number): Uint8Array {
  const [ALL, NONE, NOBODY] = [7, 0, 0xffffffff];
  const entries: [tag: number, permissions: number, id: number][] = [
    [0x01, ALL, NOBODY],
    [0x02, ALL, user],
    [0x04, ALL, NOBODY],
    [0x10, ALL, NOBODY],
    [0x20, NONE, NOBODY],
  ];
  const view = new DataView(new ArrayBuffer(4 + 8 * entries.length));
  view.setUint32(0, 2, true);
  entries.forEach(([tag, permissions, id], index) => {
    view.setUint16(4 + 8 * index, tag, true);
    view.setUint16(6 + 8 * index, permissions, true);
    view.setUint32(8 + 8 * index, id, true);
  });
  return new Uint8Array(view.buffer);
}

const at = (...names: readonly string[]) => join(folder, ...names);

const modeOf = (path: string) => lstatSync(path).mode & 0o7777;

describe("the missing folders of a source", () => {
  test.each([0o000, 0o022, 0o077, 0o777])(
    "get the mode that was asked for, umask %o",
    async (umask) => {
      const before = process.umask(umask);
      try {
        await start(at("a", "b", "socket"), 0o751);
        expect(process.umask()).toBe(umask);
      } finally {
        process.umask(before);
      }
      expect([modeOf(at("a")), modeOf(at("a", "b"))]).toEqual([0o751, 0o751]);
    },
  );

  test("stay when the relay stops; a folder that exists keeps its mode", async () => {
    mkdirSync(at("a"));
    chmodSync(at("a"), 0o700);
    await start(at("a", "b", "socket"), 0o755);
    await relays.pop()?.stop({ drainTimeout: 0 });
    expect(modeOf(at("a"))).toBe(0o700);
    expect(readdirSync(at("a", "b"))).toEqual([]);
  });

  test("may be written with dots, doubled slashes and relative to the working folder", async () => {
    await start(`${relative(process.cwd(), folder)}//a/./b/../c/socket`, 0o700);
    expect(readdirSync(at("a")).toSorted()).toEqual(["b", "c"]);
  });

  test("are made where a link leads", async () => {
    mkdirSync(at("real"));
    symlinkSync("real", at("link"));
    symlinkSync(at("link"), at("second"));
    await start(at("second", "a", "socket"), 0o755);
    expect(readdirSync(at("real", "a"))).toEqual(["socket"]);
  });

  test("are made by several relays that start at once", async () => {
    const names = Array.from({ length: 20 }, (_, index) => at("a", "b", `socket-${index}`));
    await Promise.all(names.map((name) => start(name, 0o755)));
    expect(readdirSync(at("a", "b"))).toHaveLength(20);
  });

  test("are not made in a file", async () => {
    writeFileSync(at("file"), "precious");
    expect((await refusal(at("file", "a", "socket"), 0o755)).code).toBe("ENOTDIR");
  });

  test("are an error without that option, which the message names", async () => {
    const error = await refusal(at("a", "socket"));
    expect(error.code).toBe("ENOENT");
    expect(error.message).toContain("--directory-mode=0755");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a symbolic link on a source's path", () => {
  test("that leads to itself is an error", async () => {
    symlinkSync("loop", at("loop"));
    expect((await refusal(at("loop", "socket"))).code).toBe("ELOOP");
  });

  test("to nothing is an error", async () => {
    symlinkSync("nothing", at("link"));
    expect((await refusal(at("link", "socket"))).code).toBe("ENOENT");
  });

  describe.if(isRoot)("of another user", () => {
    const strangersLink = (target: string) => {
      symlinkSync(target, at("link"));
      lchownSync(at("link"), STRANGER, STRANGER);
    };

    test("is not followed to a folder that is not his", async () => {
      mkdirSync(at("ours"));
      strangersLink("ours");
      const error = await refusal(at("link", "socket"));
      expect(error).toMatchObject({ code: "EPERM" });
      expect(error.message).toContain(`user ${STRANGER} may replace the symbolic link link`);
      expect(readdirSync(at("ours"))).toEqual([]);
    });

    test("is not followed where he only owns the folder that holds it", async () => {
      mkdirSync(at("his"));
      mkdirSync(at("ours"));
      symlinkSync(at("ours"), at("his", "link"));
      chownSync(at("his"), STRANGER, STRANGER);
      expect((await refusal(at("his", "link", "socket"))).code).toBe("EPERM");
      expect(readdirSync(at("ours"))).toEqual([]);
    });

    test("is followed to a folder of his", async () => {
      mkdirSync(at("his"));
      chownSync(at("his"), STRANGER, STRANGER);
      strangersLink("his");
      await start(at("link", "socket"));
      expect(readdirSync(at("his"))).toEqual(["socket"]);
    });

    test("has folders made in a folder of his, and in no other", async () => {
      mkdirSync(at("his"));
      chownSync(at("his"), STRANGER, STRANGER);
      mkdirSync(at("ours"));
      strangersLink("his");
      await start(at("link", "a", "b", "socket"), 0o755);
      expect(readdirSync(at("his", "a", "b"))).toEqual(["socket"]);
      rmSync(at("link"));
      strangersLink("ours");
      expect((await refusal(at("link", "a", "socket"), 0o755)).code).toBe("EPERM");
      expect(readdirSync(at("ours"))).toEqual([]);
    });

    test("is not followed up by .. either", async () => {
      mkdirSync(at("his"));
      mkdirSync(at("ours", "below"), { recursive: true });
      chownSync(at("his"), STRANGER, STRANGER);
      strangersLink("ours/below");
      expect((await refusal(`${at("link")}/../socket`)).code).toBe("EPERM");
      expect(readdirSync(at("ours"))).toEqual(["below"]);
    });
  });
});

// What a folder hands down to the files that are made in it.
const GROUP = 12_345;
const SETGID = 0o2000;

describe.if(isRoot)("the group that a folder hands down", () => {
  const handsDown = (owner: number) => {
    mkdirSync(at("folder"));
    chownSync(at("folder"), owner, GROUP);
    chmodSync(at("folder"), SETGID | 0o775);
  };
  const groupOf = (path: string) => lstatSync(path).gid;

  test("is the socket's where the folder is root's", async () => {
    handsDown(0);
    await start(at("folder", "socket"));
    expect(groupOf(at("folder", "socket"))).toBe(GROUP);
  });

  test("is not the socket's where the folder is another user's: he would be let in", async () => {
    handsDown(STRANGER);
    await start(at("folder", "socket"));
    expect(groupOf(at("folder", "socket"))).toBe(process.getegid?.() ?? 0);
  });
});

const hasLists =
  errnoName(system.attribute(tmpdir(), DEFAULT_LIST, new Uint8Array(128))) !== "EOPNOTSUPP";

describe.if(isRoot && hasLists)("the list of users that a folder hands down", () => {
  const handsDown = (owner: number): void => {
    mkdirSync(at("folder"));
    chownSync(at("folder"), owner, owner);
    must("setxattr", system.setAttribute(at("folder"), DEFAULT_LIST, listOf(STRANGER)));
  };
  const lists = (path: string) => {
    const value = new Uint8Array(128);
    const length = system.attribute(path, OWN_LIST, value);
    return length < 0 ? errnoName(length) : value.subarray(0, length);
  };

  test("is the socket's where the folder is root's", async () => {
    handsDown(0);
    await start(at("folder", "socket"));
    expect(lists(at("folder", "socket"))).toHaveLength(listOf(STRANGER).length);
  });

  test("is not the socket's where the folder is another user's: he would be let in", async () => {
    handsDown(STRANGER);
    await start(at("folder", "socket"));
    expect(lists(at("folder", "socket"))).toBe("ENODATA");
    expect(modeOf(at("folder", "socket"))).toBe(0o777 & ~process.umask());
  });
});
