import { isTerminal } from "../../os/terminal.ts";

/** Puts a text in a colour or weight, or leaves it alone. */
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

// ECMA-48 "select graphic rendition": what switches each on, and what switches it off again.
const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

/** A style that paints, or one that leaves every text alone. */
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
 * Whether what is written to a descriptor may have colour: a terminal that shows it, and nobody who
 * asked for none (https://no-color.org).
 */
export function mayPaint(fd: number): boolean {
  const { NO_COLOR, TERM } = process.env;
  return isTerminal(fd) && !NO_COLOR && TERM !== "dumb";
}
