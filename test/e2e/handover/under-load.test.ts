import { describe, expect, test } from "bun:test";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { openDescriptors } from "../../support/process/proc.ts";
import { successorOf } from "../../support/process/successors.ts";
import { until } from "../../support/waiting.ts";
import { Load } from "./load.ts";
import { handoverBench } from "./handover-bench.ts";

const HANDOVERS = 30;
const PATIENCE = 120_000;

// On a quiet machine no request takes 100 ms. A client that met a closed door would wait 1 s for
// its next SYN, or fail.
const SLOW = 1_000;

const bench = handoverBench();

describe.each([1, 3])("with --workers=%i", (workers) => {
  test.each([
    ["TCP", (): string => "127.0.0.1:0"],
    ["Unix", (): string => join(bench.folder, "socket")],
  ] as const)(
    `%s: ${HANDOVERS} upgrades that no client notices`,
    async (_, source) => {
      await using relay = await startRelay([`--workers=${workers}`, source(), bench.echo.address], {
        executable: bench.executable.path,
      });
      let handovers = 0;
      const upgrade = async (): Promise<void> => {
        bench.executable.upgrade();
        process.kill(relay.pid, "SIGHUP");
        handovers += 1;
        await until(
          (): boolean => relay.stderr().match(/"event":"took_over"/g)?.length === handovers,
          (): string => `handover ${handovers}: ${relay.stderr()}`,
        );
      };
      const identity = (): number =>
        relay.address.startsWith("/") ? lstatSync(relay.address).ino : 0;
      const inode = identity();
      await upgrade();
      const descriptors = openDescriptors(await successorOf(relay.pid));
      await using load = await Load.start(relay.address, { visitors: 8, holders: 20 });
      while (handovers < HANDOVERS) {
        const { requests } = load;
        await upgrade();
        await until(() => load.requests > requests + 8, "requests after the handover");
      }
      await load.finish();
      expect(load.errors).toEqual([]);
      expect(load.slowest).toBeLessThan(SLOW);
      expect(identity()).toBe(inode);
      const newest = await successorOf(relay.pid);
      await until(
        () => openDescriptors(newest) <= descriptors,
        () => `${openDescriptors(newest)} descriptors to be ${descriptors}`,
      );
      expect(await relay.stop()).toBe(0);
      expect(readdirSync(bench.folder)).toEqual([]);
    },
    PATIENCE,
  );
});
