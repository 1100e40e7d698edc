import { EAGAIN, ECONNREFUSED, EPERM, EPROTOTYPE, errnoCode } from "../../../os/errno.ts";
import { AF_UNIX, type Libc, SOCK_DGRAM, SOCK_STREAM } from "../../../os/libc.ts";
import { unixAddress } from "../../../address/socket-address.ts";

/** What the kernel says of a socket's file. */
export type SocketUse =
  /** Some process, in whatever network namespace, has a socket that is bound to it. */
  | "bound"
  /** No process has, and none can any more. */
  | "stale"
  /** It does not say; the code of its answer. */
  | { readonly unknown: string };

/**
 * Asks whether a socket is bound to a socket's file, without its server noticing.
 *
 * A datagram socket is connected to it, which sends nothing: where a stream socket is bound, the
 * kernel finds it, sees that the types differ, and answers EPROTOTYPE; where a datagram socket is
 * bound it remembers the peer. Where none is bound it answers ECONNREFUSED (unix(7); Linux,
 * unix_find_bsd() in net/unix/af_unix.c). That needs no right but to write to the file, which a
 * client needs as well, and holds for all network namespaces. /proc/net/unix has neither device nor
 * inode, only the path at the time of bind(2); sock_diag(7) has them, but of one network namespace,
 * and through an address family that a unit's RestrictAddressFamilies= bars.
 *
 * @param own - the file of a stream socket that this process has bound, by which "stale" is checked:
 *   a kernel that only imitates Linux may answer ECONNREFUSED for any stream socket. There `path` is
 *   connected to in earnest. Null where there is no such file yet.
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

/** What an answer of connect(2) says. */
function useOf(answer: number): SocketUse {
  switch (answer) {
    case 0:
    case -EPROTOTYPE:
    // A stream socket whose queue is full, and a datagram socket that has another peer.
    case -EAGAIN:
    case -EPERM:
      return "bound";
    case -ECONNREFUSED:
      return "stale";
    default:
      return { unknown: errnoCode(answer) };
  }
}
