import { beforeEach, expect, test } from "bun:test";
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runRelay, startRelay } from "../../support/process/executable.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("directory-mode", (path) => void (folder = path));
let path: string;
beforeEach(() => {
  path = join(folder, "a", "b", "socket");
});

// A unit of systemd has UMask=0077, a shell 022.
const umask = (mask: string) => ["sh", "-c", `umask ${mask}; exec "$0" "$@"`];

test.each([
  ["with FFI", [], {}],
  ["with several workers", ["--workers=2"], {}],
  ["without FFI", [], { BUN_JSC_useJIT: "0" }],
])("missing folders are made with that mode whatever the umask, %s", async (_, args, env) => {
  for (const mask of ["0077", "0"]) {
    const prefix = umask(mask);
    const wanted = [...args, "--directory-mode=0755", "--mode=0666", path, "127.0.0.1:9"];
    await using relay = await startRelay(wanted, { prefix, env });
    for (const name of ["a", "a/b"]) expect(lstatSync(join(folder, name)).mode & 0o777).toBe(0o755);
    expect(lstatSync(path).mode & 0o777).toBe(0o666);
    expect(await relay.stop()).toBe(0);
    expect(readdirSync(join(folder, "a", "b"))).toEqual([]);
    rmSync(join(folder, "a"), { recursive: true });
  }
});

test("missing folders are an error without the option, which the line names", async () => {
  const { code, stderr } = await runRelay([path, "127.0.0.1:9"]);
  expect(code).toBe(1);
  expect(stderr).toContain("no such file or directory (ENOENT)");
  expect(stderr).toContain("--directory-mode=0755");
  expect(readdirSync(folder)).toEqual([]);
});

test("the option is refused for a source that is no path", async () => {
  const { code, stderr } = await runRelay(["--directory-mode=0755", "@name", "127.0.0.1:9"]);
  expect(code).toBe(64);
  expect(stderr).toContain("--directory-mode makes sense only if SOURCE is a Unix socket");
});
