import type { Style } from "../../observe/log/terminal-style.ts";
import type { ReadStatus } from "./check-status-answer.ts";

/** The settings for drawing a status on a terminal. */
export interface DrawSettings {
  readonly columns: number;
  /** The number of lines that fit; absent if there is no limit. */
  readonly rows?: number;
  readonly style: Style;
  /** The previous status, for the CPU usage since then; absent if there is no previous status. */
  readonly before?: ReadStatus;
}
