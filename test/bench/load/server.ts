/**
 * The program of a destination: `server.ts TCP UNIX`, with its two listening sockets as descriptors
 * 3 and 4. Two of these share the sockets, and each takes a connection only when told to: so bulk
 * and pings that go through one relay meet in no other place.
 */
import { AF_INET, AF_UNIX, errnoName, must, POLLIN } from "../../support/process/system-calls.ts";
import type { Address, Begun, ServerOrder, SinkAnswer } from "./messages.ts";
import { obey, say } from "./obey.ts";
import { sendUntilStalled } from "./send-until-stalled.ts";
import { accept, Block, close, isGone, Poll } from "./system.ts";

const LISTENERS = {
  tcp: { fd: 3, family: AF_INET },
  unix: { fd: 4, family: AF_UNIX },
} as const;
const NANOSECONDS = 1e9;
const HOLD_SECONDS = 60;

const block = new Block(1024 * 1024);

await obey<ServerOrder>((order) => {
  switch (order.do) {
    case "echo":
      return echo(order.on);
    case "sink":
      return sink(order.on, order.streams);
    case "hold":
      return hold(order.on, order.connections);
    case "stall":
      return stall(order.on, order.connections);
  }
});

function take(on: Address["kind"]): number {
  return accept(LISTENERS[on].fd, LISTENERS[on].family);
}

/** A connection and the length of the first that came over it, now in the block. */
function takeSpeaking(on: Address["kind"]): [fd: number, length: number] {
  for (;;) {
    const fd = take(on);
    const length = block.receive(fd, true);
    if (length > 0) return [fd, length];
    // Left over from a load that failed: its client had gone.
    close(fd);
    if (length < 0 && !isGone(length)) must("recv", length);
  }
}

function begun(): void {
  say({ begun: true } satisfies Begun);
}

function echo(on: Address["kind"]): object {
  const [fd, first] = takeSpeaking(on);
  try {
    begun();
    for (let length = first; length > 0; length = block.receive(fd, true)) {
      const sent = block.send(fd, true, length);
      if (sent < 0) break;
    }
    return {};
  } finally {
    close(fd);
  }
}

function sink(on: Address["kind"], streams: number): SinkAnswer {
  const fds: number[] = [];
  try {
    let begin = 0;
    let bytes = 0;
    while (fds.length < streams) {
      const [fd, length] = takeSpeaking(on);
      begin ||= Bun.nanoseconds();
      fds.push(fd);
      bytes += length;
    }
    begun();
    const [only] = fds;
    bytes += only !== undefined && streams === 1 ? readOne(only) : readAll(fds);
    return { bytes, seconds: (Bun.nanoseconds() - begin) / NANOSECONDS };
  } finally {
    fds.forEach(close);
  }
}

function readOne(fd: number): number {
  let bytes = 0;
  for (;;) {
    const length = must("recv", block.receive(fd, true));
    if (length === 0) return bytes;
    bytes += length;
  }
}

function readAll(fds: readonly number[]): number {
  const poll = new Poll(fds, POLLIN);
  let bytes = 0;
  for (let open = fds.length; open > 0;) {
    poll.wait("more of bulk");
    fds.forEach((fd, index) => {
      if (!poll.isReady(index)) return;
      const length = block.receive(fd, false);
      if (length < 0 && errnoName(length) === "EAGAIN") return;
      bytes += must("recv", length);
      if (length > 0) return;
      poll.leave(index);
      open -= 1;
    });
  }
  return bytes;
}

function hold(on: Address["kind"], connections: number): object {
  const fds: number[] = [];
  try {
    while (fds.length < connections) fds.push(take(on));
    begun();
    new Poll(fds.slice(-1), POLLIN).wait("the end", HOLD_SECONDS);
    return {};
  } finally {
    fds.forEach(close);
  }
}

function stall(on: Address["kind"], connections: number): object {
  const fds: number[] = [];
  try {
    while (fds.length < connections) fds.push(take(on));
    sendUntilStalled(fds);
    begun();
    // No events: poll(2) always reports an error and a hang-up, and bytes are not to end the wait.
    new Poll(fds.slice(-1), 0).wait("the end", HOLD_SECONDS);
    return {};
  } finally {
    fds.forEach(close);
  }
}
