import type { Endpoint } from "../address/address.ts";
import { RELAY_OPTIONS, RELAY_OPTION_NAMES, type RelayOptionName } from "./relay-options.ts";

/** An option that makes no sense for a source. */
export interface Misfit {
  readonly name: RelayOptionName;
  /** The sources that the option is for, in words. */
  readonly needs: string;
}

/**
 * The options that were given and make no sense for this kind of source. They must be refused: the
 * mode of a TCP port would protect nothing.
 */
export function misfits(
  values: { readonly [Name in RelayOptionName]?: unknown },
  source: Endpoint,
): Misfit[] {
  return RELAY_OPTION_NAMES.flatMap((name) => {
    const constraint = RELAY_OPTIONS[name];
    const isGiven = values[name] !== undefined && values[name] !== false;
    if (!isGiven || !("sources" in constraint)) return [];
    const { sources } = constraint;
    if (sources.includes(source.kind)) return [];
    return [{ name, needs: sources.map((kind) => KINDS[kind]).join(" or ") }];
  });
}

const KINDS: Readonly<Record<Endpoint["kind"], string>> = {
  unix: "a Unix socket's path",
  abstract: "an abstract socket",
  tcp: "a TCP address",
  systemd: "systemd",
  fd: "a descriptor",
};
