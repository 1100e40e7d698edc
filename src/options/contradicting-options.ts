import type { Endpoint } from "../address/address.ts";
import type { RelayOptions } from "../relay/options.ts";

/** The options that may contradict an address, or need another option. */
type Related = Pick<
  RelayOptions,
  "acceptProxy" | "acceptProxyFrom" | "capture" | "captureBytes" | "captureMax" | "destinationNetns"
>;

export type RelatedOption = keyof Related;

/** A conflict between options of one relay. */
export interface Contradiction {
  /** The option that the message names. */
  readonly name: RelatedOption;
  /** The reason, which follows the option's name in the message. */
  readonly reason: string;
  /** The option that was not given, if that is the conflict. */
  readonly missing?: RelatedOption;
}

/**
 * Finds options of one relay that contradict each other or the addresses, and options that need
 * another option that was not given. The caller must refuse these options.
 *
 * @param spell - returns the name of an option in the form that the user writes
 */
export function contradictions(
  options: Related,
  { source, destination }: { readonly source: Endpoint; readonly destination: Endpoint | null },
  spell: (name: RelatedOption) => string,
): readonly Contradiction[] {
  const { acceptProxy = false, acceptProxyFrom, destinationNetns } = options;
  const found: Contradiction[] = [];
  if (!acceptProxy && acceptProxyFrom !== undefined)
    found.push({
      name: "acceptProxyFrom",
      reason: `makes sense only with ${spell("acceptProxy")}`,
      missing: "acceptProxy",
    });
  if (acceptProxy && acceptProxyFrom === undefined && source.kind === "tcp")
    found.push({
      name: "acceptProxy",
      reason: `needs ${spell("acceptProxyFrom")}: any other client could claim any address`,
      missing: "acceptProxyFrom",
    });
  if (destinationNetns !== undefined && destination?.kind === "unix")
    found.push({
      name: "destinationNetns",
      reason: "makes no sense for a Unix socket's path: it is the same in all network namespaces",
    });
  for (const name of ["captureBytes", "captureMax"] as const)
    if (options[name] !== undefined && options.capture === undefined)
      found.push({
        name,
        reason: `makes sense only with ${spell("capture")}`,
        missing: "capture",
      });
  return found;
}
