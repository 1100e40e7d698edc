import { EAGAIN, ECONNREFUSED, EPERM, EPROTOTYPE, errnoCode } from "../../../os/errno.ts";
import type { Libc } from "../../../os/libc.ts";
import { AF_UNIX, SOCK_DGRAM, SOCK_STREAM } from "../../../os/linux-constants.ts";
import { unixAddress } from "../../../address/socket-address.ts";

/** The kernel's answer about a socket file. */
export type SocketUse =
  /** A process, in any network namespace, has a socket bound to the file. */
  | "bound"
  /** No process has a socket bound to the file, and none can bind to it again. */
  | "stale"
  /** The use is unknown. The value is the code of the kernel's answer. */
  | { readonly unknown: string };

/**
 * Finds out whether a socket is bound to a socket file. The server that has bound the socket does
 * not notice the probe, with one exception (see `own`).
 *
 * The probe connects a datagram socket to the file, which sends nothing. If a stream socket is
 * bound, the types differ and the kernel answers EPROTOTYPE. If a datagram socket is bound, connect
 * succeeds. If no socket is bound, the kernel answers ECONNREFUSED (unix(7); Linux, unix_find_bsd()
 * in net/unix/af_unix.c). The probe needs only write permission on the file, like any client, and
 * works across network namespaces. The alternatives are worse: /proc/net/unix has neither the
 * device number nor the inode number of the file, only the path at the time of bind(2).
 * sock_diag(7) has both, but covers one network namespace only, and needs an address family that a
 * unit's RestrictAddressFamilies= may forbid.
 *
 * @param own - the file of a stream socket that this process has bound; null if there is no such
 *   file yet. The function uses this file to verify the result "stale", because a kernel that only
 *   imitates Linux may answer ECONNREFUSED for any stream socket. If the kernel gives this answer
 *   for `own`, too, the function makes a real stream connection to `path`, which the server
 *   notices.
 */
export function probeSocket(system: Libc, path: string, own: string | null): SocketUse {
  const use = useOf(connectTo(system, path, SOCK_DGRAM));
  if (use !== "stale" || own === null) return use;
  if (useOf(connectTo(system, own, SOCK_DGRAM)) === "bound") return use;
  return useOf(connectTo(system, path, SOCK_STREAM));
}

function connectTo(system: Libc, path: string, type: number): number {
  const fd = system.socket(AF_UNIX, type);
  if (fd < 0) return fd;
  const answer = system.connect(fd, unixAddress(path).bytes);
  system.close(fd);
  return answer;
}

/** Interprets the answer of connect(2). */
function useOf(answer: number): SocketUse {
  switch (answer) {
    case 0:
    case -EPROTOTYPE:
    // EAGAIN and EPERM also mean that a socket is bound. EAGAIN: the queue of the stream socket is
    // full. EPERM: the datagram socket is connected to another peer.
    case -EAGAIN:
    case -EPERM:
      return "bound";
    case -ECONNREFUSED:
      return "stale";
    default:
      return { unknown: errnoCode(answer) };
  }
}
