/**
 * The system calls that Bun's sockets do not offer. Each method returns a result of zero or more,
 * or the errno as a negative number (`-111` for ECONNREFUSED).
 *
 * Only src/os uses bun:ffi, because Bun's documentation calls it experimental. If FFI is
 * unavailable, `libc` is null, and each caller must have a way to work without these calls.
 */
export interface Libc {
  /** A non-blocking socket, closed on exec; the caller owns the descriptor. socket(2) */
  socket(family: number, type: number): number;
  /**
   * Two connected sockets, non-blocking and closed on exec; `ends` gets the descriptors, which the
   * caller owns. socketpair(2)
   */
  socketPair(family: number, type: number, ends: Int32Array): number;
  /** connect(2) */
  connect(fd: number, address: Uint8Array): number;
  /** bind(2) */
  bind(fd: number, address: Uint8Array): number;
  /**
   * Sends the first `length` bytes, by default all; returns the number of bytes that the kernel
   * took. Never blocks or raises SIGPIPE. send(2)
   */
  send(fd: number, bytes: Uint8Array, length?: number): number;
  /**
   * Reads at most `length` bytes; returns the number of bytes read, 0 at the end of stream. Never
   * blocks. recv(2)
   */
  receive(fd: number, bytes: Uint8Array, length: number): number;
  /** Makes a pipe, closed on exec; puts its read end, then its write end into `ends`. pipe2(2) */
  pipe(ends: Int32Array): number;
  /** Asks for a pipe capacity in bytes; returns the capacity granted. fcntl(2), F_SETPIPE_SZ */
  setPipeSize(fd: number, size: number): number;
  /**
   * Moves bytes in the kernel to or from a pipe; returns the number of bytes moved. Never blocks.
   * splice(2)
   */
  splice(from: number, to: number, length: number): number;
  /** Reads at most `bytes.length` bytes into `bytes`; returns the number of bytes read. read(2) */
  read(fd: number, bytes: Uint8Array): number;
  /** Makes a socket listen, or changes the queue length of a listening socket. listen(2) */
  listen(fd: number, backlog: number): number;
  /** A second descriptor of the same open file, closed on exec. fcntl(2), F_DUPFD_CLOEXEC */
  duplicate(fd: number): number;
  /** Makes `target` a second descriptor of `fd`'s open file, closed on exec. dup3(2) */
  replace(fd: number, target: number): number;
  /** Sets the flags of an inherited descriptor: non-blocking, closed on exec. fcntl(2) */
  prepare(fd: number): number;
  /** 1 if a descriptor is closed on exec, else 0. fcntl(2), F_GETFD */
  closedOnExec(fd: number): number;
  /** An epoll instance, closed on exec; the caller owns the descriptor. epoll_create1(2) */
  epoll(): number;
  /**
   * Adds, changes or removes the registration of `fd` with an epoll instance. `event` is a struct
   * epoll_event. epoll_ctl(2)
   */
  epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): number;
  /**
   * Puts the data of the events that have happened into `data`, as many as fit; returns their
   * number. Never blocks. Only the low 32 bits of the data are returned. epoll_wait(2)
   */
  epollEvents(epoll: number, data: Int32Array): number;
  /** The value of an int option. The options used here are never negative. getsockopt(2) */
  getOption(fd: number, level: number, option: number): number;
  /**
   * Fills `words` with an option of several ints and returns its length in bytes. Some options give
   * -ERANGE if `words` is too short. getsockopt(2)
   */
  getOptionWords(fd: number, level: number, option: number, words: Uint32Array): number;
  /** Fills `address` with the socket's own address and returns its length. getsockname(2) */
  name(fd: number, address: Uint8Array): number;
  /** Fills `address` with the peer's address and returns its length. getpeername(2) */
  peerName(fd: number, address: Uint8Array): number;
  /** Sets an option of type int. setsockopt(2) */
  setOption(fd: number, level: number, option: number, value: number): number;
  /**
   * The number of bytes sent that the peer has not received yet: SIOCOUTQ of tcp(7) and unix(7).
   */
  unsent(fd: number): number;
  /** The number of bytes received that have not been read yet: SIOCINQ of tcp(7) and unix(7). */
  unread(fd: number): number;
  /** Stops reading from a socket, so that the writes of a Unix peer fail. shutdown(2), SHUT_RD */
  shutReading(fd: number): number;
  /** Ends the stream to a socket's peer, for all descriptors of the socket. shutdown(2), SHUT_WR */
  shutWriting(fd: number): number;
  /** 1 if both directions of a socket have ended, else 0. poll(2), POLLHUP */
  hungUp(fd: number): number;
  /**
   * 1 if nobody will read any more what is written to a pipe, a socket or a terminal, else 0;
   * always 0 for a file. poll(2), POLLERR and POLLHUP
   */
  lacksReader(fd: number): number;
  /**
   * 1 if a socket is writable, else 0. The kernel calls a socket writable if a third of its send
   * buffer is free (TCP), or three quarters (Unix). poll(2), POLLOUT
   */
  writable(fd: number): number;
  /** The flags of an interface in this process's network namespace. netdevice(7), SIOCGIFFLAGS */
  interfaceFlags(name: string): number;
  /**
   * The index of an interface in the network namespace of the socket `fd`. netdevice(7),
   * SIOCGIFINDEX
   */
  interfaceIndex(fd: number, name: string): number;
  /** Locks an open file or folder, without blocking. flock(2), LOCK_EX */
  lock(fd: number): number;
  /**
   * Renames a file. `RENAME_NOREPLACE` gives -EEXIST if `to` exists; `RENAME_EXCHANGE` swaps two
   * files. -EINVAL if the file system does not support the flag. renameat2(2)
   */
  rename(from: string, to: string, flags: number): number;
  /** Removes an extended attribute of a file. removexattr(2) */
  removeAttribute(path: string, name: string): number;
  /** Fills `target` with the target of an open symbolic link; returns its length. readlinkat(2) */
  readLink(fd: number, target: Uint8Array): number;
  /** Moves this thread into the network namespace of an open file. setns(2), CLONE_NEWNET */
  enterNetwork(fd: number): number;
  close(fd: number): number;
}
