import { expect, test } from "bun:test";
import { silentObserver } from "../../../src/relay/combine-observers.ts";
import { ReportReceiver } from "../../../src/workers/report-receiver.ts";
import { ReportSender } from "../../../src/workers/report-sender.ts";
import { SharedCounters } from "../../../src/workers/shared-counters.ts";
import type { Report } from "../../../src/workers/worker-messages.ts";

function receiving() {
  const events: string[] = [];
  const receiver = new ReportReceiver({
    ...silentObserver,
    acceptingPaused: (reason, change) => void events.push(`${reason} ${change}`),
  });
  return { receiver, events };
}

function sending() {
  const sent: Report[] = [];
  const counts = SharedCounters.forWorkers(1, 0);
  const wanted = ["acceptingPaused"] as const;
  const sender = new ReportSender({ index: 0, wanted, connectionsMax: 1 }, counts, (reports) =>
    sent.push(...reports),
  );
  return { sender, sent };
}

test("the pauses of a worker that dies have ended", () => {
  const { receiver, events } = receiving();
  receiver.pass({ kind: "acceptingPaused", reason: "memory", change: 1 });
  receiver.pass({ kind: "acceptingPaused", reason: "own", change: 1 });
  receiver.pass({ kind: "acceptingPaused", reason: "own", change: -1 });
  receiver.abandon();
  receiver.abandon();
  expect(events).toEqual(["memory 1", "own 1", "own -1", "memory -1"]);
});

test("a worker reports only the pauses that outlast a turn of the event loop", () => {
  const { sender, sent } = sending();
  const { observer } = sender;
  observer.acceptingPaused("own", 1);
  observer.acceptingPaused("own", -1);
  observer.acceptingPaused("memory", 1);
  sender.flush();
  expect(sent.splice(0)).toEqual([{ kind: "acceptingPaused", reason: "memory", change: 1 }]);
  sender.flush();
  expect(sent).toEqual([]);
});
