import { findHaproxy } from "./haproxy.ts";
import { findNginx } from "./nginx.ts";
import { findOurs } from "./ours.ts";
import type { Peer } from "./peer.ts";
import { findSocat } from "./socat.ts";
import { findSocketProxyd } from "./socket-proxyd.ts";

/** The relay that all others are set beside. */
export const OURS = "simpletcpunixrelay";
/** A connection without a relay: the limit. */
export const DIRECT = "direct";

/** Every relay of the bench, by name; each gives `undefined` where this machine does not have it. */
export const RELAYS: Readonly<Record<string, () => Promise<Peer | undefined>>> = {
  [OURS]: findOurs,
  haproxy: findHaproxy,
  nginx: findNginx,
  socat: findSocat,
  "systemd-socket-proxyd": findSocketProxyd,
};
