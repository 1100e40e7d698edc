import { isIPv4, isIPv6 } from "../../address/parse-and-print-ip.ts";
import { ipFromBytes, ipFromSocketBytes } from "../../address/ip-address-and-ipv4-mapping.ts";
import { ipEndpoint } from "../../address/ip-endpoint.ts";
import type { ProxiedEnds, Unaddressed } from "../admission/accepted-client.ts";
import { crc32c } from "./crc32c.ts";

/**
 * Reads PROXY protocol headers, version 1 (text) and version 2 (binary).
 *
 * Source of all facts here: haproxy/haproxy, doc/proxy-protocol.txt, of 2026-04-27.
 */

/** The result of reading the first bytes that a proxy sent. */
export type HeaderReading =
  | { readonly kind: "incomplete" }
  | { readonly kind: "invalid"; readonly fault: HeaderFault }
  | {
      readonly kind: "complete";
      /** The number of bytes of the header. */
      readonly length: number;
      /**
       * The two ends of the connection that the header names. If the header names no TCP
       * connection: the reason, such as `LOCAL` or `UNKNOWN`. In this case the specification says:
       * "the receiver must use the real connection endpoints" (sections 2.1 and 2.2).
       */
      readonly ends: ProxiedEnds | Unaddressed;
    };

/**
 * The fault of an invalid header. `missing`: the first bytes are not the beginning of a header.
 * Every other value names the part of the header that is wrong: `text …` in a header of version 1,
 * `binary …` in a header of version 2.
 */
export type HeaderFault =
  | "missing"
  | `text ${"too long" | "line end" | "word count" | "family" | "address" | "port"}`
  | `binary ${"too long" | "version" | "family" | "length" | "TLV" | "checksum"}`;

// The maximum length of a version 1 header, in bytes: "The maximum line lengths the receiver must
// support including the CRLF" (proxy-protocol.txt, section 2.1).
export const TEXT_BYTES_MAX = 107;
const TEXT_PREFIX = Buffer.from("PROXY ");
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
// The number of bytes of a version 2 header before the addresses: 12 for the signature, one for the
// version and the command, one for the family and the protocol, and two for the length of the rest.
const BINARY_PREFIX_BYTES = 16;

/**
 * The maximum length of a version 2 header that the relay accepts. The protocol allows 65,551
 * bytes, but nginx accepts only 4,096 (NGX_PROXY_PROTOCOL_MAX_HEADER), and the TLVs of known
 * proxies are far shorter.
 */
export const BINARY_BYTES_MAX = 4_096;

const INCOMPLETE: HeaderReading = { kind: "incomplete" };

function invalid(fault: HeaderFault): HeaderReading {
  return { kind: "invalid", fault };
}

/** Reads the header at the beginning of `bytes`; further bytes may follow it. */
export function readProxyHeader(bytes: Uint8Array): HeaderReading {
  if (beginsAlike(bytes, TEXT_PREFIX)) return readText(bytes);
  if (beginsAlike(bytes, SIGNATURE)) return readBinary(bytes);
  return invalid("missing");
}

/** Whether `bytes` begins with `prefix` or, if `bytes` is shorter, is the beginning of `prefix`. */
function beginsAlike(bytes: Uint8Array, prefix: Uint8Array): boolean {
  const length = Math.min(bytes.length, prefix.length);
  for (let index = 0; index < length; index += 1) if (bytes[index] !== prefix[index]) return false;
  return true;
}

/** Reads a header of version 1 (proxy-protocol.txt, section 2.1). */
function readText(bytes: Uint8Array): HeaderReading {
  const line = Buffer.from(bytes.subarray(0, TEXT_BYTES_MAX)).toString("latin1");
  const end = line.indexOf("\n");
  if (end < 0) return line.length < TEXT_BYTES_MAX ? INCOMPLETE : invalid("text too long");
  const text = /^PROXY ([^\r\n]*)\r\n/.exec(line)?.[1];
  if (text === undefined) return invalid("text line end");
  const length = end + 1;
  // After UNKNOWN the receiver "must ignore anything presented before the CRLF".
  if (/^UNKNOWN(?: |$)/.test(text)) return { kind: "complete", length, ends: "UNKNOWN" };
  const [family, clientHost = "", sourceHost = "", clientPort = "", sourcePort = "", ...rest] =
    text.split(" ");
  const isHost = family === "TCP4" ? isIPv4 : family === "TCP6" ? isPlainIPv6 : null;
  if (isHost === null) return invalid("text family");
  if (sourcePort === "" || rest.length > 0) return invalid("text word count");
  if (!isHost(clientHost) || !isHost(sourceHost)) return invalid("text address");
  const client = ipEndpoint(clientHost, readPort(clientPort));
  const source = ipEndpoint(sourceHost, readPort(sourcePort));
  if (client === null || source === null) return invalid("text port");
  return { kind: "complete", length, ends: { client, source } };
}

function isPlainIPv6(text: string): boolean {
  return !text.includes("%") && isIPv6(text);
}

/** A port in decimal digits without a leading zero; undefined for any other text. */
function readPort(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

const VERSION_2 = 2;
const LOCAL = 0;
const PROXY = 1;
const UNIX_FAMILY = 3;
// The highest number that the specification assigns to an address family.
const FAMILY_MAX = UNIX_FAMILY;
// The highest number that the specification assigns to a transport protocol.
const PROTOCOL_MAX = 2;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
/**
 * The number of bytes of both addresses and, for IPv4 and IPv6, both ports. The index is the number
 * of the family: 0 unspecified, 1 IPv4, 2 IPv6, 3 Unix.
 */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;

/** Reads a header of version 2 (proxy-protocol.txt, section 2.2). */
function readBinary(bytes: Uint8Array): HeaderReading {
  if (bytes.length < BINARY_PREFIX_BYTES) return INCOMPLETE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const command = view.getUint8(12) & 0x0f;
  if (view.getUint8(12) >> 4 !== VERSION_2 || command > PROXY) return invalid("binary version");
  const transport = view.getUint8(13);
  const family = transport >> 4;
  const length = BINARY_PREFIX_BYTES + view.getUint16(14);
  if (length > BINARY_BYTES_MAX) return invalid("binary too long");
  if (bytes.length < length) return INCOMPLETE;
  // A LOCAL header names no client, so ignore its family and its addresses: "The receiver must …
  // discard the protocol block including the family which is ignored."
  if (command === LOCAL) return { kind: "complete", length, ends: "LOCAL" };
  if (family > FAMILY_MAX || (transport & 0x0f) > PROTOCOL_MAX) return invalid("binary family");
  const tlvs = BINARY_PREFIX_BYTES + (ADDRESS_BYTES[family] ?? 0);
  if (tlvs > length) return invalid("binary length");
  const fault = faultOfTlvs(bytes.subarray(0, length), tlvs);
  if (fault !== null) return invalid(fault);
  return { kind: "complete", length, ends: readEnds(bytes, transport) };
}

function readEnds(bytes: Uint8Array, transport: number): ProxiedEnds | Unaddressed {
  switch (transport) {
    case TCP_OVER_IPV4:
      return endsAt(bytes, 4);
    case TCP_OVER_IPV6:
      return endsAt(bytes, 16);
    default:
      return transport >> 4 === UNIX_FAMILY ? "unix" : "other";
  }
}

/** Reads the two ends from the header: two addresses, then two ports in network order. */
function endsAt(bytes: Uint8Array, addressBytes: number): ProxiedEnds {
  const addresses = new Uint8Array(bytes.subarray(BINARY_PREFIX_BYTES));
  const view = new DataView(addresses.buffer);
  const addressOf = addressBytes === 4 ? ipFromBytes : ipFromSocketBytes;
  return {
    client: {
      address: addressOf(addresses.slice(0, addressBytes)),
      port: view.getUint16(2 * addressBytes),
    },
    source: {
      address: addressOf(addresses.slice(addressBytes, 2 * addressBytes)),
      port: view.getUint16(2 * addressBytes + 2),
    },
  };
}

// The number of bytes of a TLV before its value: one for the type, two for the length of the value.
const TLV_PREFIX_BYTES = 3;
const PP2_TYPE_CRC32C = 0x03;
const CRC_BYTES = 4;

/**
 * Checks the TLVs that begin at `start`: the last TLV must end exactly at the end of the header,
 * and the header's checksum, if there is one, must be right. Returns the fault, or null if there is
 * none.
 */
function faultOfTlvs(header: Uint8Array, start: number): HeaderFault | null {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  let at = start;
  while (at < header.length) {
    if (at + TLV_PREFIX_BYTES > header.length) return "binary TLV";
    const value = at + TLV_PREFIX_BYTES;
    const end = value + view.getUint16(at + 1);
    if (end > header.length) return "binary TLV";
    if (view.getUint8(at) === PP2_TYPE_CRC32C && !hasChecksum(header, value, end))
      return "binary checksum";
    at = end;
  }
  return null;
}

/**
 * Whether the checksum that stands between the offsets `value` and `end` is right. It is the
 * checksum of the whole header with zeros in place of the checksum itself (proxy-protocol.txt,
 * section 2.2.3).
 */
function hasChecksum(header: Uint8Array, value: number, end: number): boolean {
  if (end - value !== CRC_BYTES) return false;
  const cleared = new Uint8Array(header).fill(0, value, end);
  return new DataView(header.buffer, header.byteOffset).getUint32(value) === crc32c(cleared);
}
