import { name, version } from "../../package.json";

/** What this program is called, in its own words and in units. */
export const PROGRAM = name;

/** The release, as package.json has it: `X.Y.Z`. */
export const VERSION = version;
