/** A unit file: its name, with its folder where that is a drop-in's, and all of its text. */
export interface UnitFile {
  readonly name: string;
  readonly text: string;
}
