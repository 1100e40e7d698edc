import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { libc } from "../../../src/os/libc.ts";
import { silentObserver } from "../../../src/relay/combine-observers.ts";
import type { Observer } from "../../../src/relay/observer.ts";
import { SharedSource } from "../../../src/workers/shared-source.ts";
import { system } from "../../support/process/system-calls.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

if (libc === null) throw new Error("these tests need FFI");
const calls = libc;

let folder: string;
folderForEachTest("shared-source", (path) => void (folder = path));

/** Binds a source at a socket file; `heard` collects what the observer of the source hears. */
async function bind() {
  const path = join(folder, "source");
  const options = {
    source: { kind: "unix", path },
    destination: { kind: "unix", path: join(folder, "absent") },
  } as const;
  const heard: unknown[] = [];
  const hear = (what: unknown) => void heard.push(what);
  const observer: Observer = { ...silentObserver, fault: hear, warning: hear };
  const source = await SharedSource.bind(calls, options, {});
  return { path, source, observer, heard };
}

/**
 * Leaves this process without a free descriptor until the result is disposed. The descriptors that
 * the process closes meanwhile are not free either, as if another thread took them at once.
 */
function noDescriptorFree(): Disposable {
  const before = system.limitDescriptors(0);
  return { [Symbol.dispose]: () => void system.limitDescriptors(before) };
}

describe("a socket file that cannot be removed, because no descriptor is free,", () => {
  test("is removed as soon as one is, also after the source is closed", async () => {
    const { path, source, observer, heard } = await bind();
    let closed: Promise<void>;
    {
      using _ = noDescriptorFree();
      source.removeFile(observer);
      // The first try to remove the file comes before `close` returns.
      closed = source.close(observer);
    }
    expect(existsSync(path)).toBe(true);
    await closed;
    expect(existsSync(path)).toBe(false);
    expect(heard).toEqual([]);
  });

  test("stays in the end, and one report says why", async () => {
    const { path, source, observer, heard } = await bind();
    {
      using _ = noDescriptorFree();
      source.removeFile(observer);
      await source.close(observer, { patience: 30 });
    }
    expect(existsSync(path)).toBe(true);
    expect(heard).toEqual([expect.objectContaining({ code: "EMFILE" })]);
  });
});
