import {
  AF_INET,
  AF_NETLINK,
  errnoName,
  must,
  SOCK_DGRAM,
  system,
  SystemCallError,
} from "./system-calls.ts";
import { OWN_LOOPBACK } from "../sockets/own-loopback.ts";

/** A TCP socket of this network namespace. */
export interface TcpSocket {
  readonly localPort: number;
  readonly remotePort: number;
  readonly state: number;
  /** Bytes sent that the peer's kernel has not got. */
  readonly unsent: number;
  /** Bytes that have arrived and are not read. */
  readonly unread: number;
  /** Seconds until a keepalive probe goes out; null where none will. */
  readonly keepalive: number | null;
}

/** States of linux/net/tcp_states.h. */
export const SYN_SENT = 2;
export const CLOSE_WAIT = 8;
const LISTEN = 10;

// sock_diag(7), linux/netlink.h, linux/inet_diag.h. The tables in /proc/net take a hundred times as
// long: they list thousands of connections that are over.
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const IPPROTO_TCP = 6;
const KEEPALIVE_TIMER = 2;
const ENOENT = -2;

const LOOPBACK = "127.0.0.1";

const HEADER_BYTES = 16;
const REQUEST_BYTES = HEADER_BYTES + 56;
const ANSWER_MOST = 64 * 1024;

/**
 * The TCP socket between two ports, the relay's or the test's by which is local. The listener's end
 * is at 127.0.0.1 or at this process's own loopback address; the kernel calls from 127.0.0.1.
 */
export function tcpSocket(localPort: number, remotePort: number): TcpSocket | undefined {
  const pairs = [
    [LOOPBACK, LOOPBACK],
    [LOOPBACK, OWN_LOOPBACK],
    [OWN_LOOPBACK, LOOPBACK],
  ] as const;
  for (const [local, remote] of pairs) {
    const request = requestFor(NLM_F_REQUEST, ~0);
    request.setUint16(HEADER_BYTES + 8, localPort);
    request.setUint16(HEADER_BYTES + 10, remotePort);
    setAddress(request, HEADER_BYTES + 12, local);
    setAddress(request, HEADER_BYTES + 28, remote);
    // The kernel falls back to whoever listens at the local port.
    const found = ask(request).find(({ state }) => state !== LISTEN);
    if (found !== undefined) return found;
  }
  return undefined;
}

function setAddress(request: DataView, at: number, address: string): void {
  for (const [index, byte] of address.split(".").entries())
    request.setUint8(at + index, Number(byte));
}

/** All TCP sockets over IPv4 that are in a state. */
export function tcpSocketsIn(state: number): TcpSocket[] {
  return ask(requestFor(NLM_F_REQUEST | NLM_F_DUMP, 1 << state));
}

function requestFor(flags: number, states: number): DataView {
  const request = new DataView(new ArrayBuffer(REQUEST_BYTES));
  request.setUint32(0, REQUEST_BYTES, true);
  request.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  request.setUint16(6, flags, true);
  request.setUint8(HEADER_BYTES, AF_INET);
  request.setUint8(HEADER_BYTES + 1, IPPROTO_TCP);
  request.setUint32(HEADER_BYTES + 4, states, true);
  // INET_DIAG_NOCOOKIE
  request.setUint32(HEADER_BYTES + 48, 0xffffffff, true);
  request.setUint32(HEADER_BYTES + 52, 0xffffffff, true);
  return request;
}

/** @throws {SystemCallError} where the kernel cannot be asked. */
function ask(request: DataView): TcpSocket[] {
  // Open for the question only: the tests count the sockets of their process.
  const fd = must("socket", system.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_SOCK_DIAG));
  try {
    must("send", system.send(fd, new Uint8Array(request.buffer)));
    return answerTo(request, fd);
  } finally {
    must("close", system.close(fd));
  }
}

function answerTo(request: DataView, fd: number): TcpSocket[] {
  const found: TcpSocket[] = [];
  const isDump = (request.getUint16(6, true) & NLM_F_DUMP) !== 0;
  const bytes = new Uint8Array(ANSWER_MOST);
  for (;;) {
    const length = must("recv", system.receive(fd, bytes));
    for (let at = 0; at < length;) {
      const message = new DataView(bytes.buffer, at);
      const type = message.getUint16(4, true);
      if (type === NLMSG_DONE) return found;
      if (type === NLMSG_ERROR) {
        const error = message.getInt32(HEADER_BYTES, true);
        if (error === ENOENT && !isDump) return found;
        throw new SystemCallError("sock_diag", errnoName(error));
      }
      found.push(socketIn(message));
      // Messages begin at multiples of 4 (netlink(7)).
      at += (message.getUint32(0, true) + 3) & ~3;
    }
    if (!isDump) return found;
  }
}

/** struct inet_diag_msg behind the header */
function socketIn(message: DataView): TcpSocket {
  const at = HEADER_BYTES;
  return {
    state: message.getUint8(at + 1),
    localPort: message.getUint16(at + 4),
    remotePort: message.getUint16(at + 6),
    keepalive:
      message.getUint8(at + 2) === KEEPALIVE_TIMER
        ? message.getUint32(at + 52, true) / 1_000
        : null,
    unread: message.getUint32(at + 56, true),
    unsent: message.getUint32(at + 60, true),
  };
}
