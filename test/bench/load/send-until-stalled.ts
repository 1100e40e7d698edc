import {
  errnoName,
  must,
  SO_RCVBUF,
  SO_SNDBUF,
  SOL_SOCKET,
  system,
} from "../../support/process/system-calls.ts";
import { Block, sleep } from "./system.ts";

const BLOCK = 64 * 1024;
// With buffers of MiBs, all sockets together would exceed tcp_mem (tcp(7)), and the kernel would
// take memory from every program of the machine.
const BUFFER = new Int32Array([64 * 1024]);
const PAUSE_MICROSECONDS = 10_000;
// A receiver that took nothing for this long takes nothing any more.
const QUIET_PAUSES = 60;

/** Sends on all connections in turn until none has taken a byte for a while. */
export function sendUntilStalled(fds: readonly number[]): void {
  const block = new Block(BLOCK);
  for (const fd of fds)
    for (const option of [SO_SNDBUF, SO_RCVBUF])
      must("setsockopt", system.setOption(fd, SOL_SOCKET, option, BUFFER));
  for (let pauses = 0; pauses < QUIET_PAUSES; pauses += 1) {
    for (const fd of fds) if (fill(fd, block)) pauses = 0;
    sleep(PAUSE_MICROSECONDS);
  }
}

/** Whether the connection took bytes. */
function fill(fd: number, block: Block): boolean {
  for (let hasTaken = false; ; hasTaken = true) {
    const sent = block.send(fd, false);
    if (sent < 0 && errnoName(sent) === "EAGAIN") return hasTaken;
    must("send", sent);
  }
}
