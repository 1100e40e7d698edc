import { expect, test } from "bun:test";
import { lstatSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { combineObservers } from "../../../../src/relay/combine-observers.ts";
import { identityOf } from "../../../../src/relay/listen/socket-file/identify-and-remove.ts";
import { watchSource } from "../../../../src/relay/listen/watch-source.ts";
import { folderForTests } from "../../../support/temporary-folder.ts";

const folder = folderForTests("watch-source");

test("a file that cannot be looked at is lost, until it can be looked at again", () => {
  const path = join(folder, "file");
  writeFileSync(path, "");
  const file = { path, identity: identityOf(lstatSync(path, { bigint: true })) };
  const events: string[] = [];
  const observer = combineObservers([
    {
      sourceLost: (what) => void events.push(`lost ${what}`),
      sourceBack: (what) => void events.push(`back ${what}`),
    },
  ]);
  using watch = watchSource(file, undefined, observer);
  watch?.look();
  expect(events).toEqual([]);
  // The look fails with ENAMETOOLONG, as one at a broken disk fails with EIO.
  file.path = join(folder, "x".repeat(300));
  watch?.look();
  watch?.look();
  expect(events).toEqual(["lost file"]);
  file.path = path;
  watch?.look();
  expect(events).toEqual(["lost file", "back file"]);
});
