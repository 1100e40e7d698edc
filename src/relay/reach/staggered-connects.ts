import {
  EADDRNOTAVAIL,
  EAGAIN,
  ECONNREFUSED,
  EINPROGRESS,
  ELOOP,
  EMFILE,
  ENFILE,
  ETIMEDOUT,
  errnoCode,
  errorCode,
} from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { SO_ERROR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET } from "../../os/linux-constants.ts";
import type { SocketAddress } from "../../address/socket-address.ts";
import { type Connection, ConnectionSide } from "../connection/connection.ts";
import type { AddressFailure } from "./describe-failure.ts";
import { type ConnectState, stateOfConnect } from "./state-of-connecting-socket.ts";
import type { WaitingLine } from "./waiting-line.ts";
import { comesAfterConnection, AttemptWithRetries } from "./attempt-with-retries.ts";

// If an address has not answered within this time, in milliseconds, the relay also tries the next
// address: the Connection Attempt Delay that RFC 8305 section 5 recommends.
const NEXT_AFTER = 250;

// The code of getaddrinfo(3) for a resolver that does not answer.
const NO_NAME_IN_TIME = "EAI_AGAIN";

/** The connects to several addresses that are tried in parallel. */
interface Race {
  /** Maps the side of each connecting socket to the address to which the socket connects. */
  readonly addresses: Map<ConnectionSide, SocketAddress>;
  /**
   * The timer that starts the connect to the next address. It runs while the latest connect is in
   * progress and another address remains to be tried.
   */
  nextTimer: Timer | undefined;
}

/**
 * Connects by connect(2) and gives the descriptor to Bun. Bun's own connect has three faults: it
 * loses the answer of a Unix destination that closes at once, it reports most failures as
 * ECONNREFUSED, and it cannot be canceled (oven-sh/bun pull 37093; issue 41800 and the issues
 * linked there).
 *
 * If there are several addresses, the relay tries the next address when an address has failed, or
 * in parallel when an address has not answered for some time. The first address that connects
 * becomes the destination (RFC 8305).
 */
export class StaggeredConnects extends AttemptWithRetries {
  #addresses: readonly SocketAddress[] = [];
  /** The index of the address that is tried next. */
  #next = 0;
  /**
   * The parallel connects. Null until a connect is in progress and another address remains to be
   * tried. While `#race` is null, this attempt has at most one socket.
   */
  #race: Race | null = null;
  /** The failures of the current try; null before the first failure. */
  #failures: AddressFailure[] | null = null;
  /** Whether an address failed because of a temporary shortage (`shortage` in `FailedTry`). */
  #foundShortage = false;
  /**
   * Identifies the query whose answer the current try awaits, because every other answer must be
   * ignored. Grows with each query, and when a try has ended.
   */
  #query = 0;

  constructor(
    connection: Connection,
    line: WaitingLine,
    readonly system: Libc,
  ) {
    super(connection, line);
  }

  protected override try(): void {
    this.#next = 0;
    this.#failures = null;
    this.#foundShortage = false;
    // Resolve the name for the first try, and for each try while `retrying`. Every other try
    // follows a temporary shortage, and uses the known addresses again.
    if (this.retrying || this.#addresses.length === 0) this.#resolve();
    else this.#tryNext();
  }

  #resolve(): void {
    const addresses = this.connection.shared.target.addresses();
    if ("then" in addresses) this.#await(addresses);
    else this.#tryAll(addresses);
  }

  /**
   * Continues the try when the resolver has answered. The closures are in this separate method and
   * not in `#resolve`, because a function that contains closures allocates memory at each call,
   * even if it does not use the closures.
   */
  #await(addresses: Promise<readonly SocketAddress[]>): void {
    // If the latest try in the line did not fail, the destination is probably reachable. So leave
    // the line now, so that the attempts behind this attempt do not wait for the resolver.
    if (this.line.lastFailure === null) this.line.leave(this);
    const query = (this.#query += 1);
    const isLate = () => !this.live || query !== this.#query;
    addresses.then(
      (found) => void (isLate() || this.#tryAll(found)),
      (error: unknown) => void (isLate() || this.fail([{ address: "", code: errorCode(error) }])),
    );
  }

  #tryAll(addresses: readonly SocketAddress[]): void {
    this.#addresses = addresses;
    this.#tryNext();
  }

  opened(side: ConnectionSide): void {
    // A Unix socket connects at once or not at all (unix(7)).
    if (side.isTcp) this.progress(side, false);
    else this.succeed(side);
  }

  progress(side: ConnectionSide, proven: boolean): void {
    if (proven) return this.succeed(side);
    const state = this.#stateOf(side);
    if (state === "connected") return this.succeed(side);
    if (state === "itself") return this.failed(side, errnoCode(ECONNREFUSED));
    const errno = this.system.getOption(side.fd, SOL_SOCKET, SO_ERROR);
    if (errno === 0) return;
    const code = errnoCode(errno);
    if (!comesAfterConnection(code)) return this.failed(side, code);
    side.failed(errno);
    this.succeed(side);
  }

  #stateOf({ fd }: ConnectionSide): ConnectState {
    return stateOfConnect(this.system, fd, this.connection.shared.target.netns);
  }

  /** Tries the remaining addresses in order, until a connect succeeds or is in progress. */
  #tryNext(): void {
    clearTimeout(this.#race?.nextTimer);
    while (this.#next < this.#addresses.length) {
      const address = this.#addresses[this.#next] as SocketAddress;
      this.#next += 1;
      const fd = this.#connect(address);
      if (fd >= 0) return this.#adopt(fd, address);
      this.#note(address, errnoCode(fd));
      this.#foundShortage ||= this.#passes(-fd, address);
    }
    if (this.#race !== null && this.#race.addresses.size > 0) return;
    const failures = this.#failures ?? [];
    if (this.#foundShortage) this.waitOutShortage(failures);
    else this.fail(failures);
  }

  /**
   * Begins a connect. Returns the descriptor of the connected or connecting socket, or a negative
   * errno.
   */
  #connect(address: SocketAddress): number {
    const { system } = this;
    if (this.connection.shared.leadsBack?.(address) === true) return -ELOOP;
    const fd = system.socket(address.family, SOCK_STREAM);
    if (fd < 0) return fd;
    const result = system.connect(fd, address.bytes);
    if (result >= 0 || result === -EINPROGRESS) return fd;
    system.close(fd);
    return result;
  }

  /** Whether the failure of a connect is a temporary shortage, so that a later try may succeed. */
  #passes(errno: number, address: SocketAddress): boolean {
    switch (errno) {
      case EAGAIN:
        return true;
      case EMFILE:
      case ENFILE:
        this.connection.shared.exhausted();
        return true;
      case EADDRNOTAVAIL:
        return this.#hasWayTo(address);
      default:
        return false;
    }
  }

  /**
   * Whether this machine has a local address from which it can connect to `address`. connect(2)
   * gives EADDRNOTAVAIL in two cases: all local ports are taken, or there is no local address. A
   * UDP connect, which sends nothing, fails only in the second case.
   */
  #hasWayTo(address: SocketAddress): boolean {
    const { system } = this;
    const fd = system.socket(address.family, SOCK_DGRAM);
    if (fd < 0) return false;
    const result = system.connect(fd, address.bytes);
    system.close(fd);
    return result !== -EADDRNOTAVAIL;
  }

  /**
   * Gives a socket to Bun. Bun calls the `open` or `connectError` handler of the socket inside this
   * call, so the attempt may succeed or fail before the call returns.
   */
  #adopt(fd: number, address: SocketAddress): void {
    const { connection } = this;
    const { shared, destination } = connection;
    const side =
      destination.socket === null ? destination : new ConnectionSide(connection, destination.isTcp);
    this.#race?.addresses.set(side, address);
    const { handlers } = shared;
    void Bun.connect({ fd, allowHalfOpen: true, data: side, socket: handlers });
    if (!this.live || side.socket === null) return;
    // If the other attempts in the line wait for the end of a shortage, let them try at once: this
    // attempt has begun a connect, so the shortage has ended. If they wait because the
    // destination refused, they must wait for the result of this connect, because the destination
    // may not answer at all.
    if (this.line.lastFailure?.kind !== "refused") this.line.succeeded(this);
    if (this.#next < this.#addresses.length) this.#tryNextLater(side, address);
  }

  #tryNextLater(side: ConnectionSide, address: SocketAddress): void {
    const share = this.connection.shared.attempts.after / this.#addresses.length;
    this.#race ??= { addresses: new Map([[side, address]]), nextTimer: undefined };
    this.#race.nextTimer = setTimeout(tryNext, Math.min(NEXT_AFTER, share), this);
  }

  /** Tries the next address in parallel, because the address before has not answered yet. */
  tryNext(): void {
    if (this.live) this.#tryNext();
  }

  protected override addressOf(side: ConnectionSide): string {
    return this.#addressOf(side)?.text ?? "";
  }

  #addressOf(side: ConnectionSide): SocketAddress | undefined {
    return this.#race === null ? this.#addresses[this.#next - 1] : this.#race.addresses.get(side);
  }

  protected override failed(side: ConnectionSide, code: string): void {
    const address = this.#addressOf(side);
    // Ignore events of a dropped socket.
    if (address === undefined) return;
    this.#race?.addresses.delete(side);
    drop(side);
    this.#note(address, code);
    this.#tryNext();
  }

  #note({ text }: SocketAddress, code: string): void {
    (this.#failures ??= []).push({ address: text, code });
  }

  protected override unanswered(): readonly AddressFailure[] {
    this.#silent().forEach((address) => this.#note(address, errnoCode(ETIMEDOUT)));
    return this.#failures ?? [{ address: "", code: NO_NAME_IN_TIME }];
  }

  override expire(): void {
    // Bun runs a late timer before it reports the sockets that have connected in time. So look
    // whether one of them has.
    const { destination } = this.connection;
    const sides = this.#race === null ? [destination] : [...this.#race.addresses.keys()];
    const winner = sides.find((side) => this.#stateOf(side) === "connected");
    if (winner === undefined) super.expire();
    else this.succeed(winner);
  }

  /** The addresses that have not answered yet. */
  #silent(): readonly SocketAddress[] {
    if (this.#race !== null) return [...this.#race.addresses.values()];
    return this.#addresses.slice(Math.max(0, this.#next - 1));
  }

  protected override dropAllBut(winner: ConnectionSide | null): void {
    this.#query += 1;
    if (this.#race === null) {
      if (winner === null) drop(this.connection.destination);
      return;
    }
    clearTimeout(this.#race.nextTimer);
    for (const side of this.#race.addresses.keys()) if (side !== winner) drop(side);
    this.#race = null;
  }
}

function tryNext(attempt: StaggeredConnects): void {
  attempt.tryNext();
}

function drop(side: ConnectionSide): void {
  const { socket } = side;
  side.detach();
  socket?.terminate();
}
