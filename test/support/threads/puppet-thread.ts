import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import "../../../src/workers/worker-thread.ts";
import type { Order } from "../../../src/workers/worker-messages.ts";
import { channelOf, type Deed } from "./puppet-deeds.ts";

// A worker's thread as it is, that a test can lead astray besides.

declare const self: Worker;

self.addEventListener("message", ({ data }: MessageEvent<Order>) => {
  if (data.kind !== "start") return;
  const { index } = data;
  new BroadcastChannel(channelOf(data.endpoint)).onmessage = ({ data: deed }) =>
    perform(deed as Deed, index);
});

function perform(deed: Deed, index: number): void {
  if (deed.kind === "freeze") {
    // A relay that has ended may have had the same address.
    if (!existsSync(deed.folder)) return;
    writeFileSync(join(deed.folder, String(index)), "");
    while (existsSync(deed.folder)) Bun.sleepSync(1);
  } else if (deed.worker !== index) {
    return;
  } else if (deed.kind === "throw") {
    setTimeout(() => {
      throw new Error(deed.message);
    });
  } else if (deed.kind === "reject") {
    setTimeout(() => void Promise.reject(new Error(deed.message)));
  } else if (deed.kind === "exit") {
    process.exit(3);
  } else {
    for (;;) Bun.sleepSync(1);
  }
}
