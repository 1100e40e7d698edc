import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import { PROGRAM, VERSION } from "../../program/version.ts";
import { CaptureFile } from "./capture-file.ts";
import type { HandedCaptures } from "./open-and-lock-capture-file.ts";
import { TcpConversation } from "./tcp-conversation.ts";
import { fileHeader } from "./pcapng.ts";
import { type BlockSink, PacketRecorder } from "./packet-recorder.ts";
import { guessPort } from "./guess-port.ts";

/** The options of a capture; see `RelayOptions`. */
export interface CaptureOptions {
  readonly capture?: string | undefined;
  readonly captureBytes?: number | undefined;
  readonly captureMax?: number | undefined;
}

/** The part of a relay's capture that belongs to one thread. */
export interface ThreadCapture {
  readonly sink: BlockSink;
  /**
   * The index of this thread, from 0, among the threads that record the relay's connections.
   * `threads` is the number of these threads.
   */
  readonly index: number;
  readonly threads: number;
}

/** Records the connections of a relay in one thread. */
export class Capture {
  readonly #recorder: PacketRecorder;
  readonly #port: number;
  readonly #index: number;
  readonly #threads: number;

  constructor(
    { sink, index, threads }: ThreadCapture,
    { captureBytes = Infinity }: CaptureOptions,
    ends: { readonly source: SocketEndpoint; readonly destination: SocketEndpoint },
  ) {
    this.#recorder = new PacketRecorder(sink, captureBytes);
    this.#port = guessPort(ends.source, ends.destination);
    this.#index = index;
    this.#threads = threads;
  }

  /**
   * Makes the conversation that records a connection. `id` is the connection's number within this
   * thread.
   */
  conversation(id: number): TcpConversation {
    return new TcpConversation(this.#recorder, id * this.#threads + this.#index, this.#port);
  }

  /** Passes all recorded packets to the sink (`ThreadCapture.sink`). */
  flush(): void {
    this.#recorder.flush();
  }

  /** Ends the recording, and drops the packets that were not passed to `ThreadCapture.sink` yet. */
  end(): void {
    this.#recorder.end();
  }
}

/**
 * Opens the file of a relay's capture; returns null if the options ask for no capture.
 *
 * @param handedOver - the captures of the predecessor; null if this process took over from no
 *   predecessor
 * @param ended - called once, with the reason, if the capture ends while the relay goes on
 * @throws {RelayError} if the file cannot be made, or another relay captures into it
 */
export function openCaptureFile(
  { capture: path, captureBytes = 0, captureMax = Infinity }: CaptureOptions,
  ends: { readonly source: SocketEndpoint; readonly destination: SocketEndpoint },
  handedOver: HandedCaptures | null,
  ended: (reason: string) => void,
): CaptureFile | null {
  if (path === undefined) return null;
  const relay = `${printAddress(ends.source)} to ${printAddress(ends.destination)}`;
  const header = fileHeader(`${PROGRAM} ${VERSION}`, relay, captureBytes);
  return CaptureFile.open({ path, max: captureMax, header, handedOver, ended });
}

/** The warning that tells the administrator which data the capture contains. */
export function captureWarning(path: string): string {
  return `everything that goes through is captured in ${path}, passwords and other secrets included`;
}
