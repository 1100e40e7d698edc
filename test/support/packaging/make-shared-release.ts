import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { copyTree, filesOfTree, runRelease } from "./tree-copy.ts";

// Makes a release below a folder, unless the one that is there is of the same tree. The caller
// holds a lock.
const root = join(import.meta.dir, "../../..");
const [, , shared = ""] = Bun.argv;
const stamp = join(shared, "stamp");
const hash = new Bun.CryptoHasher("sha256");
for (const file of await filesOfTree()) {
  // A release holds no test.
  if (relative(root, file).startsWith("test/")) continue;
  hash.update(`${file}\0`).update(readFileSync(file));
}
const state = hash.digest("hex");
const made = await Bun.file(stamp)
  .text()
  .catch(() => "");
if (made !== state) {
  rmSync(stamp, { force: true });
  const tree = join(shared, "tree");
  await copyTree(tree);
  const { code, stderr } = await runRelease(tree);
  if (code !== 0) throw new Error(stderr);
  writeFileSync(stamp, state);
}
