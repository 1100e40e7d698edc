import type { Endpoint } from "../address/address.ts";
import { RELAY_OPTIONS, RELAY_OPTION_NAMES } from "./types-and-ranges-of-relay-options.ts";

/** The name of an option that makes sense only for some kinds of source. */
type FittedOption = {
  [Name in keyof typeof RELAY_OPTIONS]: (typeof RELAY_OPTIONS)[Name] extends {
    readonly sources: unknown;
  }
    ? Name
    : never;
}[keyof typeof RELAY_OPTIONS];

const FITTED_OPTIONS = RELAY_OPTION_NAMES.filter(
  (name): name is FittedOption => "sources" in RELAY_OPTIONS[name],
);

/** An option that makes no sense for the given source. */
export interface Misfit {
  readonly name: FittedOption;
  /** The kinds of source that the option needs, as words for a message. */
  readonly needs: string;
}

/**
 * Returns the given options that make no sense for this kind of source. The caller must refuse
 * these options: for example, a file mode would protect nothing if the source is a TCP port.
 */
export function findMisfits(
  values: { readonly [Name in FittedOption | "acceptProxy"]?: unknown },
  source: Endpoint,
): Misfit[] {
  return FITTED_OPTIONS.flatMap((name) => {
    const { sources } = RELAY_OPTIONS[name];
    const isGiven = values[name] !== undefined && values[name] !== false;
    if (!isGiven || sources.includes(source.kind)) return [];
    // With `acceptProxy` the PROXY header gives the client's IP address, so `allow` and `deny` make
    // sense for every kind of source.
    if (values.acceptProxy === true && (name === "allow" || name === "deny")) return [];
    return [{ name, needs: orList(sources.map((kind) => KINDS[kind])) }];
  });
}

/** Joins words to a text such as `a, b or c`. */
function orList(words: readonly string[]): string {
  const [last = "", ...others] = words.toReversed();
  return others.length === 0 ? last : `${others.toReversed().join(", ")} or ${last}`;
}

const KINDS: Readonly<Record<Endpoint["kind"], string>> = {
  unix: "a Unix socket's path",
  abstract: "an abstract socket",
  tcp: "a TCP address",
  systemd: "systemd",
  fd: "a descriptor",
};
