import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runRelay } from "../../support/process/executable.ts";
import { RawListener } from "../../support/sockets/raw-socket.ts";

import { accessBench } from "./access-bench.ts";

const { folder, freshPath, startInherited } = accessBench();

describe("a rule that this source cannot follow is never ignored", () => {
  test.each([
    [["--allow=127.0.0.1", "./new", ":1"], "--allow makes sense only if SOURCE is a TCP address"],
    [["--deny=127.0.0.1", "@new", ":1"], "--deny makes sense only if SOURCE is a TCP address"],
    [["--allow-users=0", ":0", ":1"], "--allow-users makes sense only if SOURCE is a Unix socket"],
    [["--allow-groups=0", ":0", ":1"], "--allow-groups makes sense only if SOURCE is a Unix"],
    [["--allow=10.0.0.1/8", ":0", ":1"], '--allow: "10.0.0.1/8" has bits set beyond its prefix'],
    [["--allow=localhost", ":0", ":1"], '--allow: "localhost" is not an address or range'],
    [["--allow=127.0.0.1,", ":0", ":1"], '--allow: "127.0.0.1," has an empty entry'],
    [["--deny=127.0.0.1,\u009b", ":0", ":1"], '--deny: "\\u009b" is not an address or range'],
    [["--deny=127.0.0.1, ::1", ":0", ":1"], '--deny: " ::1" is not an address or range'],
    [["--deny=", ":0", ":1"], "--deny lacks its value"],
    [["--allow-users=no-such-user", "./new", ":1"], 'this system knows no user "no-such-user"'],
    [["--allow-users=0,no-such-user", "./new", ":1"], 'this system knows no user "no-such-user"'],
    [["--allow-groups=no-such-group", "./new", ":1"], 'knows no group "no-such-group"'],
    [["--allow-users=4294967295", "./new", ":1"], "4294967295 is not a user id"],
    [["--allow-user=0", "./new", ":1"], 'no option "--allow-user"; did you mean --allow-users?'],
  ])("%j: status 64", async (args, message) => {
    const { code, stderr } = await runRelay(args, { cwd: folder });
    expect(stderr).toContain(message);
    expect(code).toBe(64);
    expect(existsSync(join(folder, "new"))).toBe(false);
  });

  test.each([
    ["a Unix socket", "--allow=127.0.0.1", "a Unix client has no address to allow or deny"],
    ["a Unix socket", "--deny=127.0.0.1", "a Unix client has no address to allow or deny"],
    ["a TCP socket", "--allow-users=0", "the kernel knows no user or group for a TCP client"],
    ["a TCP socket", "--allow-groups=0", "the kernel knows no user or group for a TCP client"],
  ])("inherited %s, %s: status 1", async (kind, rule, message) => {
    using listener = new RawListener(
      kind === "a TCP socket"
        ? { kind: "tcp", host: "127.0.0.1", port: 0 }
        : { kind: "unix", path: freshPath() },
    );
    await using relay = await startInherited(listener, [rule]);
    expect(await relay.exited).toBe(1);
    const stderr = await relay.stderr;
    expect(stderr).toMatch(/^\S+ error cannot guard [^\n]+\n$/);
    expect(stderr).toContain(message);
  });
});
