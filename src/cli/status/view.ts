import type { Style } from "../../observe/log/terminal-style.ts";
import type { ReadStatus } from "./read-status.ts";

/** How to draw a status on a terminal. */
export interface View {
  readonly columns: number;
  /** The number of lines that fit; absent if there is no limit. */
  readonly rows?: number;
  readonly style: Style;
  /** The previous status. CPU usage is the difference between the two. */
  readonly before?: ReadStatus;
}
