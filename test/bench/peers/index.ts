import { findHaproxy } from "./haproxy.ts";
import { findNginx } from "./nginx.ts";
import { findOurs } from "./ours.ts";
import type { Peer } from "./peer.ts";
import { findSocat } from "./socat.ts";
import { findSocketProxyd } from "./socket-proxyd.ts";

/** The relay that all others are set beside. */
export const OURS = "simpletcpunixrelay";
/** Our own relay as it was: another executable, named on the command line. */
export const BEFORE = "before";
/** A connection without a relay: the limit. */
export const DIRECT = "direct";

/** Every relay of the bench, by name; each gives `undefined` where this machine does not have it. */
export const RELAYS: Readonly<Record<string, () => Promise<Peer | undefined>>> = {
  [OURS]: () => findOurs(),
  haproxy: findHaproxy,
  nginx: findNginx,
  socat: findSocat,
  "systemd-socket-proxyd": findSocketProxyd,
};

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

/** All variants of our own relay that rows set beside each other. */
export const VARIANTS = { ...WORKERS, ...OBSERVED };
