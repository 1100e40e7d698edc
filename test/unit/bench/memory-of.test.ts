import { expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { memoryOf } from "../../bench/processes.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

const folder = folderForTests("memory-of-test");

/** Starts a program that has begun to wait once it is returned. */
async function startWaiting(program: string) {
  const child = Bun.spawn([program], { stdin: "pipe", stdout: "pipe" });
  await child.stdin.write("begun\n");
  await child.stdin.flush();
  await child.stdout.getReader().read();
  return child;
}

test("a process takes as much when others run the same program", async () => {
  // A program that runs nowhere else, so that its pages have no other user.
  const program = join(folder, "cat");
  copyFileSync(Bun.which("cat") ?? "/bin/cat", program);
  const children = [await startWaiting(program)];
  try {
    const [{ pid } = { pid: 0 }] = children;
    const alone = memoryOf(pid);
    for (let more = 0; more < 3; more += 1) children.push(await startWaiting(program));
    expect(alone).toBeGreaterThan(0);
    // Pages that the kernel takes back meanwhile would make it less, but by little.
    expect(memoryOf(pid)).toBeGreaterThan(0.9 * alone);
  } finally {
    for (const child of children) child.kill();
    await Promise.all(children.map(({ exited }) => exited));
  }
});
