import { findHaproxy } from "./haproxy.ts";
import { findNginx } from "./nginx.ts";
import { findOurs, findOursWithRelays } from "./ours.ts";
import type { Peer } from "./peer.ts";
import { findSocat } from "./socat.ts";
import { findSocketProxyd } from "./socket-proxyd.ts";

/** The relay that all others are set beside. */
export const OURS = "simpletcpunixrelay";
/** Our own relay as it was: another executable, named on the command line. */
export const BEFORE = "before";
/** A connection without a relay: the limit. */
export const DIRECT = "direct";

/**
 * Every relay of the bench, by name; each gives `undefined` where this machine does not have it.
 */
export const RELAYS: Readonly<Record<string, () => Promise<Peer | undefined>>> = {
  [OURS]: () => findOurs(),
  haproxy: findHaproxy,
  nginx: findNginx,
  socat: findSocat,
  "systemd-socket-proxyd": findSocketProxyd,
};

/** Our own relay, and the same while it hands over to a new process, by name. */
export const HANDOVERS: Readonly<
  Record<string, { readonly handsOver: boolean; readonly find: () => Promise<Peer> }>
> = {
  steady: { handsOver: false, find: () => findOurs() },
  handover: { handsOver: true, find: () => findOurs() },
};

/** Our own relay with as many relays in its process, by name; one comes first. */
export const MANY_RELAYS: Readonly<Record<string, () => Promise<Peer>>> = Object.fromEntries(
  [1, 20].map((relays) => [`relays-${relays}`, () => findOursWithRelays(relays)]),
);

/** Our own relay with as many workers as a row sets beside each other, by name; one comes first. */
export const WORKERS: Readonly<Record<string, () => Promise<Peer>>> = Object.fromEntries(
  [1, 2, 4].map((workers) => [`workers-${workers}`, () => findOurs(`--workers=${workers}`)]),
);

/** Our own relay with each way to observe it, by name; none comes first. */
export const OBSERVED: Readonly<Record<string, () => Promise<Peer>>> = {
  unobserved: () => findOurs(),
  admin: () => findOurs("--admin=127.0.0.1:0"),
  metrics: () => findOurs("--metrics=127.0.0.1:0"),
  "access-log": () => findOurs("--access-log"),
};

/** All variants of our own relay that rows set beside each other, by name. */
export const VARIANTS: Readonly<Record<string, () => Promise<Peer>>> = {
  ...WORKERS,
  ...OBSERVED,
  ...MANY_RELAYS,
  ...Object.fromEntries(Object.entries(HANDOVERS).map(([name, { find }]) => [name, find])),
};
