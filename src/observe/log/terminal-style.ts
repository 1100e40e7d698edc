import { isTerminal } from "../../os/terminal.ts";

/** Adds a colour or weight to a text, or returns it unchanged. */
export type Paint = (text: string) => string;

/** The few colours and weights this program uses. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

// ECMA-48 "select graphic rendition": the codes that switch each style on and off.
const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

/** Returns a style with colours if `painted`, else a style that returns every text unchanged. */
export function style(painted: boolean): Style {
  const paint = (name: keyof typeof CODES): Paint => {
    const [on, off] = CODES[name];
    return painted ? (text) => `\u001b[${on}m${text}\u001b[${off}m` : (text) => text;
  };
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    red: paint("red"),
    green: paint("green"),
    yellow: paint("yellow"),
    cyan: paint("cyan"),
  };
}

/**
 * Whether a descriptor may get colours: it is a terminal that shows colours, and the user has not
 * switched colours off (https://no-color.org).
 */
export function mayPaint(fd: number): boolean {
  const { NO_COLOR, TERM } = process.env;
  return isTerminal(fd) && !NO_COLOR && TERM !== "dumb";
}
