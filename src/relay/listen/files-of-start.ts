import type { PlacedFile } from "../kinds-of-source.ts";
import type { Observer } from "../observer.ts";
import { removeAtStop } from "./socket-file/remove-at-stop.ts";

/**
 * The socket files that the relays of a process place at the start of the process. If the process
 * must end before all relays have opened, no relay removes its file, and `giveUp` removes the
 * files. Files that a predecessor handed over are not among them.
 */
export class FilesOfStart {
  readonly #reports: Pick<Observer, "warning" | "fault">;
  readonly #files: PlacedFile[] = [];
  #isGivenUp = false;

  /** @param reports - learns why a file cannot be removed */
  constructor(reports: Pick<Observer, "warning" | "fault">) {
    this.#reports = reports;
  }

  /** Called when a relay has placed a file. After `giveUp` the file is removed at once. */
  placed(file: PlacedFile): void {
    if (this.#isGivenUp) removeAtStop(file, this.#reports);
    else this.#files.push(file);
  }

  /** Removes all files that are still in their places, because the process ends now. */
  giveUp(): void {
    this.#isGivenUp = true;
    for (const file of this.#files) removeAtStop(file, this.#reports);
  }
}
