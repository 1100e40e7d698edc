import { answerOf, type Task } from "./answer-at-once.ts";
import { POLLIN, SO_LINGER, SOL_SOCKET, system } from "../process/system-calls.ts";

declare const self: Worker;

// How long the server waits for one client, in milliseconds.
const PATIENCE = 10_000;

function serve({ listener, rounds, sizes, finish }: Task): string {
  for (let round = 0; round < rounds; round += 1) {
    let client = system.accept(listener);
    while (client < 0) {
      const [came] = system.poll([{ fd: listener, events: POLLIN }], PATIENCE);
      if (came === 0) return `no client came for round ${round}`;
      client = system.accept(listener);
    }
    const answer = answerOf(sizes[round % sizes.length] ?? 1).bytes;
    const sent = system.send(client, answer);
    if (finish === "reset")
      system.setOption(client, SOL_SOCKET, SO_LINGER, Int32Array.from([1, 0]));
    system.close(client);
    if (sent !== answer.length) return `round ${round}: send took ${sent} of ${answer.length}`;
  }
  return "";
}

self.onmessage = ({ data }: MessageEvent<Task>) => self.postMessage(serve(data));
