import { InvalidValue, quote } from "./invalid-value.ts";

/** The names of relays, in logs, metrics, the status and units. */
export const RELAY_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}$/;

/** Reads the name of a relay. */
export function parseRelayName(text: string): string {
  if (RELAY_NAME.test(text)) return text;
  throw new InvalidValue(
    `${quote(text)} is no name: up to 100 ASCII letters, digits, _ and, not first, - . @`,
  );
}
