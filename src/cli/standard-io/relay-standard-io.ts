import type { SocketEndpoint } from "../../address/address.ts";
import { readAddress } from "../../address/socket-address.ts";
import { relaySettings } from "../../config/options-to-plan.ts";
import { accessLog } from "../../observe/log/access-log.ts";
import { logObserver } from "../../observe/log/event-log.ts";
import { createLog, type Log } from "../../observe/log/log.ts";
import { errnoCode, errnoWords } from "../../os/errno.ts";
import { type Libc, loaded } from "../../os/libc.ts";
import { AF_UNIX, SOCK_STREAM } from "../../os/linux-constants.ts";
import { warnOfPlainText } from "../../process/start-warnings.ts";
import { onSignal } from "../../process/catch-signal.ts";
import { reportFaults } from "../../process/uncaught-errors.ts";
import { ignoreUserSignals } from "../../process/ignore-user-signals.ts";
import { combineObservers } from "../../relay/combine-observers.ts";
import { RelayError } from "../../relay/error.ts";
import type { ConnectedSource } from "../../relay/kinds-of-source.ts";
import type { Ending, Observer } from "../../relay/observer.ts";
import type { OneClientOptions } from "../../relay/options.ts";
import type { Relay } from "../../relay/relay-interface.ts";
import { startRelay } from "../../relay/running-relay.ts";
import { checkAddresses, readValues } from "../line/typed-option-values.ts";
import { readDestination, STANDARD_IO_FORM } from "../line/read-addresses.ts";
import { STANDARD_IO } from "../line/find-command.ts";
import type { CommandLine } from "../line/parse-command-line.ts";
import { isOneSocket, takeOneSocket } from "./inetd-socket.ts";
import { closedStream, INPUT } from "./standard-descriptors.ts";
import { copyInput, copyOutput, StreamFailure } from "./copy-standard-io.ts";
import { checkStandardIoOptions } from "./standard-io-options.ts";
import { onReaderLeft } from "./notice-departed-reader.ts";
import { StreamSocket } from "./socket-with-awaited-writes.ts";

const EX_FAILED = 1;

/**
 * The longest time, in milliseconds, that the process waits before it exits, so that the reader of
 * the log can take the last lines.
 */
const LAST_LINES_MS = 500;

const HUNG_UP_AFTER_CLOSE = "stopped by HUP after standard input was closed";

/**
 * Placeholder for the source's address if standard input and output are not a socket with an
 * address. Nothing listens on this path or connects to it.
 */
const NO_SOCKET: SocketEndpoint = { kind: "unix", path: STANDARD_IO };

/** The connection between the only client and the relay. */
interface OneClient {
  readonly source: ConnectedSource;
  /**
   * The descriptor of one end of a socket pair; the relay has the other end as its source. This
   * process copies the bytes between this descriptor and standard input and output. Null if the
   * source is the client's own socket.
   */
  readonly otherEnd: number | null;
  /**
   * The time, in milliseconds, that the client may take to close after it has received everything;
   * null for the relay's default.
   */
  readonly lingerTimeout: number | null;
}

/**
 * Relays the only client, standard input and output, to DESTINATION.
 *
 * @returns the exit status: 0 if both directions have finished; otherwise 1, and the log has the
 *   reason
 * @throws {UsageError}
 */
export async function relayStandardIo({ given, args }: CommandLine): Promise<number> {
  checkStandardIoOptions(given);
  const values = readValues("relay", given);
  const destination = readDestination(args[1] ?? "", STANDARD_IO_FORM);
  checkAddresses(values, { source: NO_SOCKET, destination });
  // Use the level `warn` by default, because the user of a pipe wants to see only problems.
  const level = given["log-level"] === undefined ? "warn" : values.logLevel;
  const log = createLog(level, values.logFormat);
  const named = log.named(values.name ?? STANDARD_IO, values.name !== undefined);
  try {
    if (loaded.libc === null)
      throw new RelayError("ENOSYS", STANDARD_IO, `- as SOURCE needs FFI (${loaded.reason})`);
    const client = takeClient(loaded.libc);
    warnOfPlainText(client.source.endpoint, destination, named);
    const options = {
      ...relaySettings(values),
      source: client.source,
      destination,
      ...(client.lingerTimeout !== null && { lingerTimeout: client.lingerTimeout }),
    };
    const observers = values.accessLog ? [accessLog(named, destination)] : [];
    const failure = await relayOne(loaded.libc, client, options, observers, named);
    if (failure === null) return 0;
    const fields = { event: "failed" };
    // Log `HUNG_UP_AFTER_CLOSE` at the level `info`, because ssh ends each session in this way: it
    // closes the streams of its ProxyCommand, then sends SIGHUP.
    if (failure === HUNG_UP_AFTER_CLOSE) named.info(failure, fields);
    else named.error(failure, fields);
    return EX_FAILED;
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    named.error(error.message, { event: "failed", code: error.code });
    return EX_FAILED;
  } finally {
    await log.flush(LAST_LINES_MS);
  }
}

/**
 * Makes the source for the relay. If standard input and output are one socket, the source is this
 * socket. Otherwise the source is one end of a new socket pair.
 *
 * @throws {RelayError} if standard input or output is closed, or if no further descriptor can be
 *   opened
 */
function takeClient(system: Libc): OneClient {
  const closed = closedStream();
  if (closed !== null)
    throw new RelayError(
      "EBADF",
      STANDARD_IO,
      `${closed} is closed, and - as SOURCE needs both streams: open it, or use /dev/null`,
    );
  if (isOneSocket()) {
    const fd = checkedDescriptor(takeOneSocket(system));
    const endpoint = ownEnd(system, fd) ?? NO_SOCKET;
    return { source: { kind: "connected", fd, endpoint }, otherEnd: null, lingerTimeout: null };
  }
  const ends = new Int32Array(2);
  checkedDescriptor(system.socketPair(AF_UNIX, SOCK_STREAM, ends));
  const [fd = -1, otherEnd = -1] = ends;
  const source = { kind: "connected", fd, endpoint: NO_SOCKET } as const;
  // The client's end of the socket pair belongs to this process itself, so no client needs time to
  // close, and the shortest time is enough.
  return { source, otherEnd, lingerTimeout: 1 };
}

function checkedDescriptor(fd: number): number {
  if (fd >= 0) return fd;
  const code = errnoCode(fd);
  throw new RelayError(
    code,
    STANDARD_IO,
    `cannot relay standard input: ${errnoWords(code)} (${code})`,
  );
}

/**
 * The local address of a socket, to which the client connected; null if the socket has no address,
 * as in a socket pair.
 */
function ownEnd(system: Libc, fd: number): SocketEndpoint | null {
  // sockaddr_un, the longest sockaddr here, has 110 bytes (unix(7)).
  const bytes = new Uint8Array(128);
  const length = system.name(fd, bytes);
  const endpoint = length <= 2 ? null : readAddress(bytes.subarray(0, length));
  return endpoint;
}

/**
 * Relays one client until both directions have ended, a failure ends the connection, or a signal
 * asks to stop. Returns null if both directions have ended without a failure, else the reason.
 */
async function relayOne(
  system: Libc,
  { otherEnd }: OneClient,
  options: Omit<OneClientOptions, "observer">,
  observers: readonly Partial<Observer>[],
  log: Log,
): Promise<string | null> {
  const end = Promise.withResolvers<string | null>();
  const reached = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<string>();
  const observer = combineObservers([
    problems(log, options.destination),
    ...observers,
    endObserver(end.resolve, reached.resolve, failed.resolve),
  ]);
  using _faults = reportFaults((error) => observer.fault(error));
  using _ignored = ignoreUserSignals();
  using _term = onSignal("SIGTERM", () => failed.resolve("stopped by TERM"));
  using _int = onSignal("SIGINT", () => failed.resolve("stopped by INT"));
  using _quit = onSignal("SIGQUIT", () => failed.resolve("stopped by QUIT"));
  using _hangup = onSignal("SIGHUP", () =>
    failed.resolve(system.hungUp(INPUT) === 1 ? HUNG_UP_AFTER_CLOSE : "stopped by HUP"),
  );
  const relay = await startRelay({ ...options, observer });
  const over =
    otherEnd === null
      ? end.promise
      : pumped(system, otherEnd, end.promise, reached.promise, failed.resolve);
  const failure = await Promise.race([over, failed.promise]);
  await stopNow(relay);
  return failure;
}

/**
 * Copies standard input to the descriptor `otherEnd`, and the bytes from `otherEnd` to standard
 * output. Waits until standard output has taken all bytes, and then for `end`, which resolves when
 * the relay has closed the connection. Returns the value of `end`.
 */
async function pumped(
  system: Libc,
  otherEnd: number,
  end: Promise<string | null>,
  reached: Promise<void>,
  fail: (reason: string) => void,
): Promise<string | null> {
  const socket = await StreamSocket.adopt(otherEnd);
  const orFail = (error: unknown) => {
    if (!(error instanceof StreamFailure)) throw error;
    fail(error.message);
  };
  using whileReading = new DisposableStack();
  // Do not wait for the end of standard input, because the bytes of standard input have no receiver
  // once the connection has closed.
  void copyInput(socket, reached)
    .then(() => {
      // As long as standard input goes on, the client is there, even if it wants no answer.
      if (!whileReading.disposed) whileReading.use(onReaderLeft(system, () => socket.close()));
    })
    .catch(orFail);
  await copyOutput(system, socket).catch(orFail);
  return await end;
}

async function stopNow(relay: Relay): Promise<void> {
  await relay.stop({ drainTimeout: 0 });
}

/**
 * An observer that logs the events on which the user should act. It does not log why the only
 * connection failed, because `relayStandardIo` logs the reason.
 */
function problems(log: Log, destination: SocketEndpoint): Partial<Observer> {
  const {
    listening: _listening,
    full: _full,
    draining: _draining,
    stopped: _stopped,
    unreachable: _unreachable,
    refused: _refused,
    reachedAgain: _again,
    ...others
  } = logObserver(log, destination, { connectionsMax: 1, isOfFiles: false });
  return others;
}

/** The reason to log for each ending of the connection; null if the ending is no failure. */
const REASONS: Readonly<Record<Exclude<Ending, "unreachable">, string | null>> = {
  finished: null,
  abandoned: "one end closed while the other one was still sending: these bytes are lost",
  "client reset": "the client reset the connection",
  "destination reset": "the destination reset the connection",
  "client left": "the client left before the destination answered",
  idle: "nothing moved for --idle-timeout",
  "half-closed": "nothing moved for --half-close-timeout",
  stopped: "stopped",
  fault: "unexpected error",
};

function endObserver(
  end: (failure: string | null) => void,
  reached: () => void,
  failed: (reason: string) => void,
): Partial<Observer> {
  let unreachable = "the destination was not reached";
  return {
    connected: reached,
    unreachable: (_, { message }) => {
      unreachable = message;
    },
    refused: (_, reason) => failed(`the client is refused: ${reason}`),
    closed: (_, ending) => end(ending === "unreachable" ? unreachable : REASONS[ending]),
  };
}
