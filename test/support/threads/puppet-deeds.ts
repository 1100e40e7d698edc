import { printAddress, type SocketEndpoint } from "../../../src/address/address.ts";

/** What a worker of a test can be made to do. */
export type Deed =
  /** Every worker does nothing while a folder is there, in which it first leaves a file. */
  | { readonly kind: "freeze"; readonly folder: string }
  | { readonly kind: "throw" | "reject"; readonly worker: number; readonly message: string }
  | { readonly kind: "exit" | "hang"; readonly worker: number };

/** The name under which the workers of a source listen for deeds. */
export function channelOf(endpoint: SocketEndpoint): string {
  return `puppets of ${printAddress(endpoint)}`;
}
