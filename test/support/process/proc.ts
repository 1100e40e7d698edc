import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * The open descriptors of a process; `self` is this one. The one that read the list is among them.
 */
export function descriptors(pid: number | "self"): number[] {
  return readdirSync(`/proc/${pid}/fd`).map(Number);
}

/** The descriptors of a process that are sockets; `self` is this one. */
export function socketDescriptors(pid: number | "self"): number[] {
  return descriptorsOf(pid, "socket");
}

/** The descriptors of a process that are a kind of file. */
export function descriptorsOf(
  pid: number | "self",
  kind: "socket" | "pipe" | "anon_inode",
): number[] {
  const folder = `/proc/${pid}/fd`;
  const found = readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).startsWith(`${kind}:`);
    } catch {
      // Closed since the folder was read; the descriptor that read it is one of those.
      return false;
    }
  });
  return found.map(Number);
}

/** The descriptors of a process in this network namespace that are sockets and do not listen. */
export function connectionDescriptors(pid: number): number[] {
  const listening = listeningInodes();
  const inodeOf = (fd: number) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
    } catch {
      // Closed since the folder was read.
      return undefined;
    }
  };
  return socketDescriptors(pid).filter((fd) => {
    const inode = inodeOf(fd);
    return inode !== undefined && !listening.has(inode);
  });
}

/** TCP_LISTEN of linux/net/tcp_states.h, and __SO_ACCEPTCON of linux/net.h. */
const TCP_LISTEN = "0A";
const UNIX_LISTENS = 0x10000;

/** What /proc/net says of listening sockets (proc(5)): columns are counted from 0. */
function listeningInodes(): Set<string> {
  const rows = (name: string) =>
    readFileSync(`/proc/net/${name}`, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/));
  const tcp = [...rows("tcp"), ...rows("tcp6")].filter(([, , , state]) => state === TCP_LISTEN);
  const unix = rows("unix").filter(([, , , flags = "0"]) => parseInt(flags, 16) & UNIX_LISTENS);
  return new Set([...tcp.map((row) => row[9] ?? ""), ...unix.map((row) => row[6] ?? "")]);
}

/** For each epoll instance of a process, how many descriptors it watches: proc_pid_fdinfo(5). */
export function watchedByEpoll(pid: number): number[] {
  return descriptorsOf(pid, "anon_inode").flatMap((fd) => {
    const watched = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8").match(/^tfd:/gm);
    return watched === null ? [] : [watched.length];
  });
}

/** The names of a process's threads. */
export function threadsOf(pid: number): string[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).map((thread) => readFileSync(`${folder}/${thread}/comm`, "utf8"));
}

/**
 * Seconds of processor time that the threads of a process have used, without those that have ended.
 * The kernel counts them in nanoseconds (sched-stats.rst). The times in `stat` (proc(5)) are taken
 * at each tick of a clock: a timer that goes off just then costs a whole tick of 10 ms each time.
 */
export function cpuSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + nanosecondsOf(pid, thread), 0) / 1e9;
}

function nanosecondsOf(pid: number, thread: string): number {
  try {
    const [onProcessor] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    return Number(onProcessor);
  } catch {
    // The thread has ended meanwhile.
    return 0;
  }
}

/** Whether every thread of a process has been stopped by a signal. */
export function isStopped(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => statFields(`${pid}/task/${thread}`)[STATE] === "T");
}

// Of the fields after the name: proc(5) counts from 1 and has two before.
const STATE = 0;

function statFields(process: number | string): string[] {
  const stat = readFileSync(`/proc/${process}/stat`, "utf8");
  // The name in parentheses may hold anything.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The processes whose parent is this one, zombies included. */
export function childrenOf(pid: number): number[] {
  // If a child exits meanwhile, the kernel may leave out another one (proc(5), children).
  let before: number[];
  let now = childrenSeen(pid);
  do {
    before = now;
    now = childrenSeen(pid);
  } while (now.join() !== before.join());
  return now;
}

function childrenSeen(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.flatMap((thread) => childrenOfThread(pid, thread)).map(Number);
}

function childrenOfThread(pid: number, thread: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean);
  } catch {
    // The thread has ended since the folder was read; another one has its children.
    return [];
  }
}

/** How many descriptors a process has open. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
