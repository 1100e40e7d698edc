import { isIPv4 } from "./parse-and-print-ip.ts";

export const NEITHER_FORM = "neither a path (it has no /) nor HOST:PORT (it has no :)";

/** Whether a text is a host without its port, or a port alone. */
export function lacksPort(text: string): boolean {
  return /^\d+$/.test(text) || isIPv4(text) || text.toLowerCase() === "localhost";
}

/**
 * The message about a text that the user wrongly took for an address: a URL, a prefix in capital
 * letters, or an address of socat. `undefined` for any other text.
 */
export function suggestAddress(text: string): string | undefined {
  const url = /^(\w+):\/\/([^/]*)(.*)$/s.exec(text);
  if (url !== null) return `a URL is not an address; write ${addressOfUrl(url)}`;
  const [, prefix = "", rest = ""] = /^(unix|tcp|systemd|fd):(.*)$/is.exec(text) ?? [];
  const small = prefix.toLowerCase();
  // Do not correct `TCP:80`, which is valid: port 80 of the host `TCP`.
  if (prefix !== small && (small !== "tcp" || rest.includes(":")))
    return `write ${small}: in small letters`;
  if (/^(?:tcp|unix)[46]?-(?:listen|connect|l):/i.test(text) || /^tcp[46]:.*:/is.test(text))
    return "socat writes an address like this; write HOST:PORT or /PATH";
  return undefined;
}

/**
 * Whether a text is a single name such as `admin`. The user may have meant a file in the working
 * folder, or a host without its port.
 */
export function isNameAlone(text: string): boolean {
  return /^\.?\w[\w.-]*$/.test(text) && !lacksPort(text);
}

/** The message about the part that is missing in a text without `/` and `:`. */
export function missingPart(text: string): string {
  if (/^\d+$/.test(text))
    return Number(text) > 65_535
      ? `a port alone, and port ${text} is not within 1 to 65535`
      : `a port alone; write :${text} or 127.0.0.1:${text}`;
  if (lacksPort(text)) return `the port is missing; write ${text}:PORT`;
  const meant = addressesOfName(text);
  return meant.length === 0 ? NEITHER_FORM : `${NEITHER_FORM}; write ${meant.join(" or ")}`;
}

/** The addresses that a single name may stand for; none if the text is not a single name. */
export function addressesOfName(text: string): readonly string[] {
  if (!isNameAlone(text)) return [];
  // Suggest no `NAME:PORT` for a name such as `.socket`, which cannot be a host, and for `unix` and
  // the other prefixes, because `unix:PORT` is another form of address.
  const isHost = !/^(\.|(unix|tcp|systemd|fd)$)/i.test(text);
  return [`./${text}`, ...(isHost ? [`${text}:PORT`] : [])];
}

function addressOfUrl([, scheme = "", authority = "", path = ""]: RegExpExecArray): string {
  if (/^(unix|file)$/i.test(scheme)) return path === "" || path === "/" ? "/PATH" : path;
  const host = authority.replace(/^.*@/, "");
  return /:\d+$/.test(host) ? host : `${host === "" ? "HOST" : host}:PORT`;
}
