import { descriptorsOf, socketDescriptors } from "../support/process/proc.ts";
import { read } from "./processes.ts";

/**
 * How many sockets each event loop of a process watches, by what the kernel tells of its epoll
 * descriptors (proc(5), fdinfo).
 */
export function socketsOfLoops(pid: number): number[] {
  const sockets = new Set(socketDescriptors(pid));
  return descriptorsOf(pid, "anon_inode").flatMap((fd) => {
    const info = read(`/proc/${pid}/fdinfo/${fd}`) ?? "";
    const watched = [...info.matchAll(/^tfd: +(\d+)/gm)].map(([, target]) => Number(target));
    // A loop watches at least what wakes it; what else is such a descriptor watches nothing.
    return watched.length === 0 ? [] : [watched.filter((target) => sockets.has(target)).length];
  });
}
