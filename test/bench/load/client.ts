/**
 * The program of the clients: opens connections to a relay's source, or to a destination directly.
 */
import { errnoName, must, POLLOUT, SHUT_WR, system } from "../../support/process/system-calls.ts";
import type { Address, ClientOrder, FirstAnswer, PingAnswer } from "./messages.ts";
import { obey } from "./obey.ts";
import { sendUntilStalled } from "./send-until-stalled.ts";
import {
  Block,
  close,
  dial,
  monotonic,
  mustDial,
  PATIENCE_SECONDS,
  Poll,
  sleep,
} from "./system.ts";

const NANOSECONDS = 1e9;
const BULK_BLOCK = 256 * 1024;
// Before the relay's code for the connection is warm, and after which the measurement begins.
const FIRST_PINGS = 20;
const MOST_PINGS = 4_000_000;
const CONNECT_AGAIN_MICROSECONDS = 200;

const latencies = new Float64Array(MOST_PINGS);
const held: number[] = [];

await obey<ClientOrder>((order) => {
  switch (order.do) {
    case "ping":
      return ping(order.to, order.size, order.seconds);
    case "bulk":
      return bulk(order.to, order.streams, order.seconds);
    case "hold":
      return hold(order.to, order.connections);
    case "stall":
      return stall(order.to, order.connections);
    case "release":
      return release();
    case "first":
      return firstAnswer(order.to, order.message, order.answer);
  }
});

function ping(to: Address, size: number, seconds: number): PingAnswer {
  const fd = mustDial(to);
  try {
    const block = new Block(size);
    for (let count = 0; count < FIRST_PINGS; count += 1) exchange(fd, block, size);
    const begin = Bun.nanoseconds();
    const end = begin + seconds * NANOSECONDS;
    let pings = 0;
    let now = begin;
    while (now < end && pings < MOST_PINGS) {
      exchange(fd, block, size);
      const answered = Bun.nanoseconds();
      latencies[pings] = answered - now;
      pings += 1;
      now = answered;
    }
    const sorted = latencies.subarray(0, pings).sort();
    return {
      pings,
      seconds: (now - begin) / NANOSECONDS,
      p50: sorted[Math.floor(pings * 0.5)] ?? 0,
      p99: sorted[Math.floor(pings * 0.99)] ?? 0,
    };
  } finally {
    close(fd);
  }
}

function exchange(fd: number, block: Block, answer: number): void {
  must("send", block.send(fd, true));
  for (let missing = answer; missing > 0;) {
    const length = must("recv", block.receive(fd, true, Math.min(missing, block.length)));
    if (length === 0) throw new Error("the connection ended before the answer");
    missing -= length;
  }
}

function bulk(to: Address, streams: number, seconds: number): object {
  const fds = Array.from({ length: streams }, () => mustDial(to));
  try {
    const end = Bun.nanoseconds() + seconds * NANOSECONDS;
    const block = new Block(BULK_BLOCK);
    const [only] = fds;
    if (only !== undefined && fds.length === 1) {
      while (Bun.nanoseconds() < end) must("send", block.send(only, true));
    } else {
      sendToAll(fds, block, end);
    }
    // Closed only when the destination has it all: a relay may take a closed socket for a failure.
    for (const fd of fds) must("shutdown", system.shutdown(fd, SHUT_WR));
    for (const fd of fds) block.receive(fd, true);
    return {};
  } finally {
    fds.forEach(close);
  }
}

function sendToAll(fds: readonly number[], block: Block, end: number): void {
  const poll = new Poll(fds, POLLOUT);
  while (Bun.nanoseconds() < end) {
    poll.wait("room for bulk");
    fds.forEach((fd, index) => {
      if (!poll.isReady(index)) return;
      const sent = block.send(fd, false);
      if (sent < 0 && errnoName(sent) !== "EAGAIN") must("send", sent);
    });
  }
}

function hold(to: Address, connections: number): object {
  while (held.length < connections) held.push(mustDial(to));
  return {};
}

function stall(to: Address, connections: number): object {
  hold(to, connections);
  sendUntilStalled(held);
  return {};
}

function release(): object {
  held.splice(0).forEach(close);
  return {};
}

function firstAnswer(to: Address, message: string, answer: number): FirstAnswer {
  const fd = dialAtLast(to);
  try {
    exchange(fd, new Block(Buffer.from(message)), answer);
    return { at: monotonic() };
  } finally {
    close(fd);
  }
}

function dialAtLast(to: Address): number {
  const end = monotonic() + PATIENCE_SECONDS * NANOSECONDS;
  for (;;) {
    const fd = dial(to);
    if (fd >= 0) return fd;
    const name = errnoName(fd);
    if ((name !== "ECONNREFUSED" && name !== "ENOENT") || monotonic() > end) must("connect", fd);
    sleep(CONNECT_AGAIN_MICROSECONDS);
  }
}
