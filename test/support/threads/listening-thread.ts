import type { Socket } from "bun";
import { system } from "../process/system-calls.ts";

// A thread that listens on a descriptor, or on a second one of it, and ends when a test says so.

declare const self: Worker;

/** What the thread is told. */
export type Task =
  | { readonly kind: "listen"; readonly fd: number; readonly duplicate: boolean }
  | { readonly kind: "stop" }
  | { readonly kind: "end"; readonly reset: boolean };

const sockets: Socket[] = [];
let listener: Bun.SocketListener<undefined> | undefined;
let reset = false;

process.on("exit", () => {
  if (reset) for (const socket of sockets) socket.terminate();
});

self.onmessage = ({ data: task }: MessageEvent<Task>) => {
  if (task.kind === "listen") {
    listener = Bun.listen<undefined>({
      fd: task.duplicate ? system.duplicate(task.fd) : task.fd,
      allowHalfOpen: true,
      socket: {
        binaryType: "uint8array",
        open(socket) {
          sockets.push(socket);
          socket.write("?");
        },
        data() {},
      },
    });
  } else if (task.kind === "stop") {
    listener?.stop();
  } else {
    reset = task.reset;
    setTimeout(() => {
      throw new Error("the end of this thread");
    });
  }
  self.postMessage("done");
};
