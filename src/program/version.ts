import { name, version } from "../../package.json";

/** The name of this program, for messages and unit files. */
export const PROGRAM = name;

/** The version of this release, from package.json: `X.Y.Z`. */
export const VERSION = version;
