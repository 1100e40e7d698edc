import { descriptorsOf, socketDescriptors } from "../support/process/proc.ts";
import { read } from "./processes.ts";

/**
 * How many sockets each event loop of a process watches, by what the kernel tells of its epoll
 * descriptors (proc(5), fdinfo).
 */
export function socketsOfLoops(pid: number): number[] {
  const sockets = new Set(socketDescriptors(pid));
  const watched = new Map(
    descriptorsOf(pid, "anon_inode").map((fd) => {
      const info = read(`/proc/${pid}/fdinfo/${fd}`) ?? "";
      return [fd, [...info.matchAll(/^tfd: +(\d+)/gm)].map(([, target]) => Number(target))];
    }),
  );
  // An instance that a loop watches is no loop: the crowd of our own relay has one, and the sockets
  // in it are in the loop, too.
  const nested = new Set([...watched.values()].flat());
  return [...watched].flatMap(([fd, targets]) =>
    // A loop watches at least what wakes it; what else is such a descriptor watches nothing.
    targets.length === 0 || nested.has(fd)
      ? []
      : [targets.filter((target) => sockets.has(target)).length],
  );
}
