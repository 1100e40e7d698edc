/** A unit file: its name (for a drop-in also its folder) and its whole text. */
export interface UnitFile {
  readonly name: string;
  readonly text: string;
}
