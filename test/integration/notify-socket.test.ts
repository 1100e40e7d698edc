import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Notifier, takeNotifier } from "../../src/systemd/notify-socket.ts";
import { DatagramReceiver } from "../support/sockets/datagram-receiver.ts";
import { until } from "../support/waiting.ts";

let folder: string;
let manager: DatagramReceiver;
let notifier: Notifier;
const warnings: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "notify-"));
  manager = new DatagramReceiver(join(folder, "notify"));
  warnings.length = 0;
  const taken = takeNotifier({ NOTIFY_SOCKET: manager.path }, (words) => warnings.push(words));
  if (taken === null) throw new Error("there is no notifier");
  notifier = taken;
});
afterEach(() => {
  manager[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

test("a message that meets a full queue arrives once there is room, and later ones after it", async () => {
  const filled = manager.fill();
  expect(filled).toBeGreaterThan(0);
  notifier.notify({ READY: "1", STATUS: "listening" });
  notifier.notify({ STATUS: "1 open" });
  notifier.notify({ STATUS: "2 open" });
  const messages: string[] = [];
  await until(() => {
    messages.push(...manager.receive());
    return messages.length >= filled + 2;
  }, "both messages");
  expect(messages.slice(filled)).toEqual(["READY=1\nSTATUS=listening", "STATUS=2 open"]);
  expect(warnings).toEqual([]);
});

test("a message is sent at once after the queue was full before", async () => {
  const filled = manager.fill();
  notifier.notify({ READY: "1" });
  const messages: string[] = [];
  await until(() => {
    messages.push(...manager.receive());
    return messages.length > filled;
  }, "the message");
  notifier.notify({ STATUS: "x" });
  expect(manager.receive()).toEqual(["STATUS=x"]);
});
