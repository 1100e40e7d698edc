import { isIPv4, isIPv6 } from "./parse-and-print-ip.ts";
import { isSelfLoop } from "./self-loop.ts";
import { isLoopbackHost } from "./loopback.ts";
import { canonicalPath } from "../os/canonical-path.ts";
import { canonicalNetwork } from "../os/sockets-in-namespace.ts";
import { servicePort } from "../os/etc-services.ts";
import { lacksPort, missingPart, suggestAddress, NEITHER_FORM } from "./suggest-address.ts";
import { quote } from "./quote-word.ts";

/**
 * A parsed socket address. `host` is `""` if the text has no host: an empty host means every
 * interface for a source, and loopback for a destination.
 */
export type SocketEndpoint =
  | { readonly kind: "unix"; readonly path: string }
  | ({ readonly kind: "abstract"; readonly name: string } & InNetwork)
  | ({ readonly kind: "tcp"; readonly host: string; readonly port: number } & InNetwork);

/**
 * The network namespace of an address. The path of a Unix socket needs no namespace, because the
 * path leads to the same socket in all network namespaces.
 */
interface InNetwork {
  /**
   * The name or path of the address's network namespace; undefined for the namespace of this
   * process. Only `inNetwork` sets this field, and only comparisons of addresses read this field.
   */
  readonly netns?: string | undefined;
}

/** A listening socket that this process inherited when it was started. */
export type InheritedEndpoint =
  /**
   * A socket that systemd passed. `name` is the socket's name (FileDescriptorName=). If `name` is
   * `""`, systemd must have passed exactly one socket.
   */
  | { readonly kind: "systemd"; readonly name: string }
  | { readonly kind: "fd"; readonly fd: number };

/** A parsed address. */
export type Endpoint = SocketEndpoint | InheritedEndpoint;

/** The role of an address; some forms are valid in one role only. */
export type Role = "source" | "destination";

/** The error about a text that is not a valid address, with the text and the reason. */
export class AddressError extends Error {
  readonly code = "ADDRESS";
  constructor(
    readonly text: string,
    readonly reason: string,
    /**
     * The library option that contained the text; undefined if the text is from the command line or
     * a configuration file, or if no single option is wrong.
     */
    readonly option?: Role,
  ) {
    super(`${option === undefined ? "" : `${option} `}${quote(text)}: ${reason}`);
    this.name = "AddressError";
  }

  /**
   * The message. If the text has none of the valid forms of an address, the message lists the
   * forms.
   */
  get withForms(): string {
    return FORMLESS.some((reason) => this.reason.startsWith(reason))
      ? `${this.message}; an address is ${ADDRESS_FORMS}`
      : this.message;
  }
}

/** The forms of an address, for the error message about an invalid address. */
export const ADDRESS_FORMS =
  "./PATH, /PATH, @NAME, unix:NAME, HOST:PORT, [IPv6]:PORT, :PORT or tcp:HOST:PORT; " +
  "as SOURCE also systemd, systemd:NAME or fd:N";

const EMPTY = "an address is needed";
const NO_HOST_AND_PORT = "not of the form HOST:PORT";
/** If an error's `reason` begins with one of these texts, `withForms` lists the valid forms. */
const FORMLESS: readonly string[] = [EMPTY, NO_HOST_AND_PORT, NEITHER_FORM];

// The maximum length of a path, in bytes: the length of the field sun_path in a sockaddr_un. On
// Linux a path may fill the whole field and need not end in a NUL (unix(7)).
const PATH_BYTES_MAX = 108;
// The maximum length of an abstract name, in bytes, without the NUL before the name.
const ABSTRACT_BYTES_MAX = 107;

/**
 * Parses an address in any form that a user may write (README, "Addresses").
 *
 * @throws {AddressError} if the text is not a valid address. Throws no other error, whatever the
 *   text.
 */
export function parseAddress(text: string, role: "destination"): SocketEndpoint;
export function parseAddress(text: string, role: Role): Endpoint;
export function parseAddress(text: string, role: Role): Endpoint {
  const fail = (reason: string): never => {
    throw new AddressError(text, reason);
  };
  if (text === "") fail(EMPTY);
  if (text.includes("\0")) fail("an address cannot contain a NUL byte");
  if (text === "-") fail("standard input and output can only be the SOURCE of a command line");
  const miss = suggestAddress(text);
  if (miss !== undefined) fail(miss);
  if (text.startsWith("unix:")) return parseUnix(text.slice(5), fail);
  if (text.startsWith("tcp:")) return parseTcp(text.slice(4), role, fail);
  if (/^systemd(:|$)/.test(text)) return parseSystemd(text.slice(8), role, fail);
  if (text.startsWith("fd:")) return parseFd(text.slice(3), role, fail);
  if (text.startsWith("@") || text.includes("/")) return parseUnix(text, fail);
  if (text.includes(":")) return parseTcp(text, role, fail);
  if (role === "source" && text.toLowerCase() === "systemd") fail("write systemd in small letters");
  return fail(missingPart(text));
}

/** The canonical text of an endpoint; `parseAddress` parses it to the same endpoint. */
export function printAddress(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case "unix":
      return printPath(endpoint.path);
    case "abstract":
      return `@${endpoint.name}`;
    case "tcp":
      return printHostAndPort(endpoint.host, endpoint.port);
    case "systemd":
      return endpoint.name === "" ? "systemd" : `systemd:${endpoint.name}`;
    case "fd":
      return `fd:${endpoint.fd}`;
  }
}

function printPath(path: string): string {
  if (path.startsWith("@")) return `./${path}`;
  return path.includes("/") && !hasPrefix(path) ? path : `unix:${path}`;
}

function printHostAndPort(host: string, port: number): string {
  if (host.includes(":")) return `[${host}]:${port}`;
  const text = `${host}:${port}`;
  return hasPrefix(text) ? `tcp:${text}` : text;
}

/**
 * Whether a path or a HOST:PORT begins like another form of address, so that `parseAddress` would
 * misread the text.
 */
function hasPrefix(text: string): boolean {
  return /^(unix|tcp|systemd|fd):/.test(text) || suggestAddress(text) !== undefined;
}

/**
 * Whether `source` and `destination` are the same address. A relay between them would only connect
 * to itself.
 */
export function isSameAddress(source: Endpoint, destination: Endpoint): boolean {
  if (source.kind === "unix" && destination.kind === "unix")
    return canonicalPath(source.path) === canonicalPath(destination.path);
  if (!isSameNetwork(source, destination)) return false;
  if (source.kind === "abstract" && destination.kind === "abstract")
    return source.name === destination.name;
  if (source.kind === "tcp" && destination.kind === "tcp") return isSelfLoop(source, destination);
  return false;
}

/** Adds the network namespace to an endpoint, for comparisons with other endpoints. */
export function inNetwork(endpoint: SocketEndpoint, netns: string | undefined): SocketEndpoint;
export function inNetwork(endpoint: Endpoint, netns: string | undefined): Endpoint;
export function inNetwork(endpoint: Endpoint, netns: string | undefined): Endpoint {
  const isElsewhere =
    netns !== undefined && (endpoint.kind === "tcp" || endpoint.kind === "abstract");
  return isElsewhere ? { ...endpoint, netns } : endpoint;
}

/**
 * Whether two endpoints are in the same network namespace. The name of a namespace and the path of
 * its file count as the same; two files of the same namespace count as different.
 */
export function isSameNetwork(one: Endpoint, other: Endpoint): boolean {
  return networkOf(one) === networkOf(other);
}

function networkOf(endpoint: Endpoint): string | undefined {
  if (endpoint.kind !== "tcp" && endpoint.kind !== "abstract") return undefined;
  return endpoint.netns === undefined ? undefined : canonicalNetwork(endpoint.netns);
}

/**
 * Whether the traffic of an endpoint stays on this machine. An empty host means every interface for
 * a source, and loopback for a destination.
 */
export function staysLocal(endpoint: Endpoint, role: Role): boolean {
  if (endpoint.kind !== "tcp") return true;
  return endpoint.host === "" ? role === "destination" : isLoopbackHost(endpoint.host);
}

type Fail = (reason: string) => never;

function parseSystemd(name: string, role: Role, fail: Fail): InheritedEndpoint {
  if (role === "destination") fail("a socket that systemd passes can only be a source");
  // FileDescriptorName= of systemd.socket(5) takes ASCII characters, but no control characters and
  // no colons.
  if (!/^[\x20-\x39\x3b-\x7e]{0,255}$/.test(name))
    fail("not a name that FileDescriptorName= takes");
  return { kind: "systemd", name };
}

function parseFd(number: string, role: Role, fail: Fail): InheritedEndpoint {
  if (role === "destination") fail("an inherited descriptor can only be a source");
  if (!/^\d{1,7}$/.test(number) || Number(number) < 3) fail("not a descriptor number from 3 on");
  return { kind: "fd", fd: Number(number) };
}

function parseUnix(name: string, fail: Fail): SocketEndpoint {
  const abstract = name.startsWith("@");
  const path = abstract ? name.slice(1) : name;
  if (path === "") return fail("a socket needs a name");
  const bytes = Buffer.byteLength(path);
  const most = abstract ? ABSTRACT_BYTES_MAX : PATH_BYTES_MAX;
  if (bytes > most)
    return fail(`${bytes} bytes are too long for a Unix socket's name (at most ${most})`);
  if (!path.isWellFormed()) return fail("the name is not valid Unicode");
  // Bun replaces bytes that are not valid UTF-8 by this character, so the text would name another
  // file than the user wrote.
  if (path.includes("\ufffd"))
    return fail("the name is not valid UTF-8, or contains U+FFFD, which stands for such bytes");
  if (abstract) return { kind: "abstract", name: path };
  if (path.endsWith("/")) return fail("a path that ends in / names a folder");
  return { kind: "unix", path };
}

function parseTcp(text: string, role: Role, fail: Fail): SocketEndpoint {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text);
  if (!match) return fail(wrongForm(text));
  const [, ipv6, name = "", service = ""] = match;
  if (ipv6 !== undefined && !isIPv6(ipv6)) return fail(`${quote(ipv6)} is not an IPv6 address`);
  const host = ipv6 ?? name;
  if (host === "*") return fail(`write :${service} for every interface`);
  if (ipv6 === undefined && !isHostName(host))
    return fail(`${quote(host)} is not a host name or IPv4 address`);
  return { kind: "tcp", host, port: parsePort(service, role, fail) };
}

/** The reason why a text does not have the form HOST:PORT. */
function wrongForm(text: string): string {
  if (!text.includes(":")) return lacksPort(text) ? missingPart(text) : NO_HOST_AND_PORT;
  if (/^\[[^\]]*\]$/.test(text)) return `the port is missing; write ${text}:PORT`;
  return /^[0-9a-f:.]+(%\w+)?$/i.test(text) && text.split(":").length > 2
    ? "an IPv6 address goes in brackets: [IPv6]:PORT"
    : NO_HOST_AND_PORT;
}

function parsePort(service: string, role: Role, fail: Fail): number {
  if (service === "") return fail("the port is missing");
  if (!/^\d+$/.test(service))
    return (
      servicePort(service) ??
      fail(`${quote(service)} is not a port number or a service name of this system`)
    );
  const port = Number(service);
  const least = role === "source" ? 0 : 1;
  if (port < least || port > 65535) return fail(`port ${service} is not within ${least} to 65535`);
  return port;
}

function isHostName(host: string): boolean {
  if (host === "" || isIPv4(host)) return true;
  // A name of digits and dots only is a mistyped IPv4 address (RFC 1123 2.1).
  if (/^[\d.]+$/.test(host)) return false;
  return host.length <= 253 && /^(?!-)[\w-]{1,63}(\.(?!-)[\w-]{1,63})*\.?$/.test(host);
}
