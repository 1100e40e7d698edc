import { describe, expect, test } from "bun:test";
import type { Task } from "../../support/threads/listening-thread.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { must, SO_TYPE, SOL_SOCKET, system } from "../../support/process/system-calls.ts";
import { bunSockets, LOOPBACK } from "./bun-sockets.ts";

const { kept } = bunSockets();

describe("Worker", () => {
  /** A thread that does what it is told. */
  function startThread() {
    const worker = new Worker(
      new URL("../../support/threads/listening-thread.ts", import.meta.url),
    );
    kept({ [Symbol.dispose]: () => worker.terminate() });
    const ended = new Promise<string>((resolve) => {
      worker.onerror = ({ message }) => resolve(message);
    });
    const perform = (task: Task) =>
      new Promise<void>((resolve) => {
        worker.onmessage = () => resolve();
        worker.postMessage(task);
      });
    return { perform, ended };
  }

  /** A client that a thread has accepted. */
  async function acceptedBy(listener: RawListener): Promise<RawSocket> {
    const client = kept(await RawSocket.connect(listener.endpoint));
    await client.read(1);
    return client;
  }

  test("stop() closes the descriptor for every thread, so that each needs its own", async () => {
    const raw = kept(new RawListener(LOOPBACK));
    const own = must("dup", system.duplicate(raw.fd));
    const [first, second] = [startThread(), startThread()];
    await first.perform({ kind: "listen", fd: own, duplicate: false });
    await second.perform({ kind: "listen", fd: raw.fd, duplicate: true });
    await first.perform({ kind: "stop" });
    expect(system.getOption(own, SOL_SOCKET, SO_TYPE)).toBeLessThan(0);
    await acceptedBy(raw);
  });

  test.each([
    { reset: false, ending: "end" },
    { reset: true, ending: "ECONNRESET" },
  ] as const)(
    "that dies closes its sockets: `exit` is told before, reset: $reset",
    async ({ reset, ending }) => {
      const raw = kept(new RawListener(LOOPBACK));
      const thread = startThread();
      await thread.perform({ kind: "listen", fd: raw.fd, duplicate: true });
      const client = await acceptedBy(raw);
      void thread.perform({ kind: "end", reset });
      expect(await client.readToEnd()).toMatchObject({ ending });
      expect(await thread.ended).toMatch(/^error: the end of this thread$/m);
    },
  );
});
