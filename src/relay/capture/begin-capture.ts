import type { SocketEndpoint } from "../../address/address.ts";
import type { Observer } from "../observer.ts";
import type { CaptureFile } from "./capture-file.ts";
import type { HandedCaptures } from "./open-and-lock-capture-file.ts";
import {
  Capture,
  type CaptureOptions,
  captureWarning,
  openCaptureFile,
  type ThreadCapture,
} from "./capture-of-one-thread.ts";

/** The values that `RelayCapture.begin` needs in addition to the options. */
export interface CaptureNeeds {
  readonly source: SocketEndpoint;
  readonly destination: SocketEndpoint;
  /** This thread's part of the capture if another thread writes the file; else null. */
  readonly thread: ThreadCapture | null;
  /** The captures of the predecessor; null if this process took over from no predecessor. */
  readonly handedOver: HandedCaptures | null;
  /**
   * Gets a warning when the capture begins, and the event `captureEnded` if the capture ends while
   * the relay goes on.
   */
  readonly observer: Pick<Observer, "warning" | "captureEnded">;
}

/** The capture of one relay in one thread. */
export class RelayCapture {
  readonly recording: Capture;
  /** The file of the capture; null if another thread writes it. */
  readonly #file: CaptureFile | null;

  private constructor(recording: Capture, file: CaptureFile | null) {
    this.recording = recording;
    this.#file = file;
  }

  /**
   * Begins the capture that the options ask for; returns null if they ask for none.
   *
   * @throws {RelayError} if the file cannot be made, or another relay captures into it
   */
  static begin(options: CaptureOptions, needs: CaptureNeeds): RelayCapture | null {
    const { thread, handedOver, observer } = needs;
    const { capture: path } = options;
    if (path === undefined) return null;
    if (thread !== null) return new RelayCapture(new Capture(thread, options, needs), null);
    const file = openCaptureFile(options, needs, handedOver, (reason) => {
      recording.end();
      observer.captureEnded(path, reason);
    });
    const sink = (blocks: Uint8Array) => file?.add(blocks);
    const recording = new Capture({ sink, index: 0, threads: 1 }, options, needs);
    observer.warning(captureWarning(path));
    return new RelayCapture(recording, file);
  }

  /**
   * The identity of the capture file (`CaptureFile.identity`); null if this thread writes no file
   * now.
   */
  get fileIdentity(): string | null {
    return this.#file?.identity ?? null;
  }

  /**
   * Makes the capture's file. Called when the handover to this process is complete (see
   * `CaptureFile.take`).
   */
  take(): void {
    this.#file?.take();
  }

  /**
   * Makes the capture end when the current file is full (see `CaptureFile.stay`). Called at a
   * handover.
   */
  stay(): void {
    this.#file?.stay();
  }

  /** Passes all recorded packets on: to the file, or to the thread that writes the file. */
  flush(): void {
    this.recording.flush();
  }

  /**
   * Ends the recording, and drops the packets that were not yet passed to the file or to the thread
   * that writes the file.
   */
  end(): void {
    this.recording.end();
  }

  /**
   * Ends the capture: writes all recorded packets, and closes the file. If another thread writes
   * the file, only passes the recorded packets to that thread.
   */
  async close(): Promise<void> {
    this.flush();
    await this.#file?.close();
  }
}
