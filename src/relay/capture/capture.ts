import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import { PROGRAM, VERSION } from "../../program/version.ts";
import { CaptureFile } from "./capture-file.ts";
import { Conversation } from "./conversation.ts";
import { fileHeader } from "./pcapng.ts";
import { type BlockSink, Recorder } from "./recorder.ts";
import { servicePort } from "./service-port.ts";

/** What is captured, and where to. */
export interface CaptureOptions {
  readonly capture?: string | undefined;
  readonly captureBytes?: number | undefined;
  readonly captureMax?: number | undefined;
}

/** Where one of several threads gives its packets, and which thread it is. */
export interface ThreadCapture {
  readonly sink: BlockSink;
  /** The thread's number, from 0, and how many threads record the relay's connections. */
  readonly index: number;
  readonly threads: number;
}

/** Records the connections of a relay in one thread. */
export class Capture {
  readonly #recorder: Recorder;
  readonly #port: number;
  readonly #index: number;
  readonly #threads: number;

  constructor(
    { sink, index, threads }: ThreadCapture,
    { captureBytes = Infinity }: CaptureOptions,
    ends: { readonly source: SocketEndpoint; readonly destination: SocketEndpoint },
  ) {
    this.#recorder = new Recorder(sink, captureBytes);
    this.#port = servicePort(ends.source, ends.destination);
    this.#index = index;
    this.#threads = threads;
  }

  /** The conversation of a connection; its id counts within this thread. */
  conversation(id: number): Conversation {
    return new Conversation(this.#recorder, id * this.#threads + this.#index, this.#port);
  }

  /** Gives on everything that was recorded. */
  flush(): void {
    this.#recorder.flush();
  }

  /** Records nothing any more. */
  end(): void {
    this.#recorder.end();
  }
}

/**
 * Opens the file of a relay's capture; null if nothing is captured.
 *
 * @param ended - called once, with the reason, if the capture ends before the relay does
 * @throws {RelayError} if the file cannot be made.
 */
export function openCaptureFile(
  { capture: path, captureBytes = 0, captureMax = Infinity }: CaptureOptions,
  ends: { readonly source: SocketEndpoint; readonly destination: SocketEndpoint },
  ended: (message: string) => void,
): CaptureFile | null {
  if (path === undefined) return null;
  const relay = `${printAddress(ends.source)} to ${printAddress(ends.destination)}`;
  const header = fileHeader(`${PROGRAM} ${VERSION}`, relay, captureBytes);
  return CaptureFile.open({ path, max: captureMax, header, ended });
}

/** What the administrator must know of a capture. */
export function captureWarning(path: string): string {
  return `everything that goes through is captured in ${path}, passwords and other secrets included`;
}
