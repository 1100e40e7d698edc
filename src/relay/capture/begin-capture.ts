import type { SocketEndpoint } from "../../address/address.ts";
import type { CaptureFile } from "./capture-file.ts";
import {
  Capture,
  type CaptureOptions,
  captureWarning,
  openCaptureFile,
  type ThreadCapture,
} from "./capture-in-thread.ts";

/** The capture of one relay in one thread. */
export class RelayCapture {
  readonly recording: Capture;
  /** Null if another thread writes the file. */
  readonly #file: CaptureFile | null;

  private constructor(recording: Capture, file: CaptureFile | null) {
    this.recording = recording;
    this.#file = file;
  }

  /**
   * Begins the capture that the options ask for; null if they ask for none.
   *
   * @param thread - the receiver of the packets if another thread writes the file
   * @param warn - called with a message that there is a capture, and with a message if it ends early
   * @throws {RelayError} if the file cannot be made
   */
  static begin(
    options: CaptureOptions,
    ends: { readonly source: SocketEndpoint; readonly destination: SocketEndpoint },
    thread: ThreadCapture | null,
    warn: (message: string) => void,
  ): RelayCapture | null {
    const { capture: path } = options;
    if (path === undefined) return null;
    if (thread !== null) return new RelayCapture(new Capture(thread, options, ends), null);
    const file = openCaptureFile(options, ends, (message) => {
      recording.end();
      warn(message);
    });
    const sink = (blocks: Uint8Array) => file?.add(blocks);
    const recording = new Capture({ sink, index: 0, threads: 1 }, options, ends);
    warn(captureWarning(path));
    return new RelayCapture(recording, file);
  }

  /** From now on, the file at the path belongs to the relay that takes over. */
  stay(): void {
    this.#file?.stay();
  }

  /** Passes all recorded packets to the thread that writes the file. */
  flush(): void {
    this.recording.flush();
  }

  /** Ends the recording; packets that were not passed on yet are dropped. */
  end(): void {
    this.recording.end();
  }

  /** Writes all recorded packets, and closes the file. */
  async close(): Promise<void> {
    this.flush();
    await this.#file?.close();
  }
}
