import { DEFAULTS } from "../../relay/options.ts";
import { socketUnit } from "./socket-unit.ts";
import { serviceUnit } from "./service-unit.ts";
import type { SandboxNeeds } from "./sandbox-needs.ts";
import type { UnitFile } from "./unit-file.ts";
import type { UnitPlan, UnitRelay } from "./unit-plan.ts";

/** The folder of the configuration files: the instance `web` reads `web.toml`. */
export const CONFIG_FOLDER = "/etc/simpletcpunixrelay";

/** The name of the packaged units, without the instance and the suffix. */
const TEMPLATE = "simpletcpunixrelay@";

/**
 * The folder with the sockets of all instances. Below this folder, each instance has a folder of
 * its own in which it may write.
 */
const RUNTIME = "/run/simpletcpunixrelay";

/**
 * The access that the sandbox allows for every configuration file. `units --config=FILE` writes
 * units for one file, with only the rights that the relays of this file need.
 */
const ANY_FILE: SandboxNeeds = {
  tcp: true,
  network: true,
  local: false,
  // A source may be a port below 1024, so the service gets the capability for these ports. The
  // service therefore has no user namespace: in a user namespace the capability would give no right
  // to these ports.
  privilegedPort: true,
  // The relay must see the real users of Unix clients, for `allow-users` and for the access log.
  users: true,
  // The relay must be able to change the group of a socket's file to a group of
  // SupplementaryGroups=, for the option `group`.
  chown: true,
  writes: [],
  reads: [],
};

/**
 * The template units of a distribution's package. An instance runs the relays of its configuration
 * file. The administrator writes the file after the units are installed, so the service's sandbox
 * is the same for every file: it allows the network, ports below 1024, and access to the user ids
 * of clients. In all else the sandbox is strict. For example, a relay can make socket files only in
 * the instance's own folder.
 *
 * @param program - the absolute path of the installed executable
 */
export function packagedUnits(program: string): readonly UnitFile[] {
  const relay: UnitRelay = {
    source: { kind: "unix", path: `${RUNTIME}/%i/socket` },
    destination: { kind: "tcp", host: "127.0.0.1", port: 80 },
    file: { mode: "0660" },
    freebind: false,
    seesUsers: true,
    waits: false,
  };
  const plan: UnitPlan = {
    name: TEMPLATE,
    manager: "system",
    program,
    relays: [relay],
    config: `${CONFIG_FOLDER}/%i.toml`,
    options: [],
    socket: false,
    onDemand: false,
    supplementaryGroups: [],
    // Nobody knows yet whether a configuration file will have an admin or metrics server. With 0
    // here and without `connectionsMax`, the unit gets the least limit of open files (`FILES` in
    // service-unit.ts).
    serverDescriptors: 0,
    drainTimeout: DEFAULTS.drainTimeout,
    unlistedRelays: ANY_FILE,
  };
  // The socket file of the .socket unit is not in the instance's own folder, because systemd
  // removes that folder when the service stops.
  const passed: UnitRelay = {
    ...relay,
    source: { kind: "unix", path: `${RUNTIME}/%i.socket` },
    file: {},
  };
  return [
    { name: `${TEMPLATE}.service`, text: ABOUT_SERVICE + serviceUnit(plan) },
    { name: `${TEMPLATE}.socket`, text: ABOUT_SOCKET + socketUnit(plan, passed) },
  ];
}

const ABOUT_SERVICE = `\
# simpletcpunixrelay@web.service runs the relays of ${CONFIG_FOLDER}/web.toml.
#
# The sandbox cannot know the file, so it allows the network and ports below 1024. It hides /home,
# /root, /run/user and the machine's /tmp, and allows socket files only in ${RUNTIME}/web.
# "systemctl edit simpletcpunixrelay@web" changes that for one instance, below [Service]:
#   SupplementaryGroups=www-data   to open a DESTINATION, or to give a SOURCE's file to this group
#   RuntimeDirectory=app           to have a SOURCE in /run/app as well
# "simpletcpunixrelay units --config=FILE" writes units with only the rights that FILE needs.

`;

const ABOUT_SOCKET = `\
# simpletcpunixrelay@web.socket listens on ${RUNTIME}/web.socket and starts the service of the
# same name for the first client. Clients wait while the service restarts. A relay whose source in
# ${CONFIG_FOLDER}/web.toml has this address takes the socket.
#
# A socket unit cannot read the file. "systemctl edit simpletcpunixrelay@web.socket" says who may
# connect, or listens on further sources of the file, below [Socket]:
#   SocketMode=0660
#   SocketGroup=www-data
#   ListenStream=127.0.0.1:8080

`;
