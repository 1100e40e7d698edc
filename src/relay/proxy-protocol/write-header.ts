import type { SocketEndpoint } from "../../address/address.ts";
import { libc } from "../../os/libc.ts";
import { ambiguousId, readPeer } from "../../os/peer-credentials.ts";
import { ipv4MappedAddress } from "../../address/ip-address-and-ipv4-mapping.ts";
import type { IpEndpoint } from "../../address/ip-endpoint.ts";
import type { AcceptedClient } from "../admission/accepted-client.ts";
import type { ProxyVersion } from "../options.ts";

// Source of all facts here: haproxy/haproxy, doc/proxy-protocol.txt, of 2026-04-27.

/** The client that a header describes. */
export type ProxiedClient =
  | {
      readonly kind: "tcp";
      /** The endpoint of the client. */
      readonly source: IpEndpoint;
      /** The address of the relay's source, which the protocol calls the client's destination. */
      readonly destination: IpEndpoint;
    }
  | {
      readonly kind: "unix";
      /**
       * The address of the relay's source, which the protocol calls the client's destination: a
       * path, or a NUL byte followed by an abstract name.
       */
      readonly destination: string;
      /**
       * The client's user id and process id. The process id is 0 if the process is not visible from
       * this PID namespace. Absent if the ids are unknown.
       */
      readonly credential?: { readonly uid: number; readonly pid: number };
    };

type ProxiedEnds = Pick<Extract<ProxiedClient, { kind: "tcp" }>, "source" | "destination">;

/** A function that makes the PROXY header for an admitted client. */
export type HeaderOf = (accepted: AcceptedClient) => Uint8Array;

/** Returns the function that makes headers for the clients of a source. */
export function headerOf(version: ProxyVersion, source: SocketEndpoint): HeaderOf {
  if (source.kind === "tcp") return (accepted) => proxyHeader(version, tcpClient(accepted));
  const destination = source.kind === "unix" ? source.path : `\0${source.name}`;
  const noUser = ambiguousId("uid");
  return (accepted) => {
    // The client of a Unix source can have an IP address: if a proxy has connected to the source,
    // the proxy's header may name a TCP client.
    const isTcp = accepted.client !== null;
    const client = isTcp ? tcpClient(accepted) : unixClient(accepted.fd, destination, noUser);
    return proxyHeader(version, client);
  };
}

/** Encodes the header that precedes the client's first byte. */
export function proxyHeader(version: ProxyVersion, client: ProxiedClient): Uint8Array {
  return version === "v1" ? textHeader(client) : binaryHeader(client);
}

function tcpClient({ client, source }: AcceptedClient): ProxiedClient {
  if (client === null || source === null) throw new Error("a TCP client without an address");
  return { kind: "tcp", source: client, destination: source };
}

function unixClient(fd: number, destination: string, noUser: number | null): ProxiedClient {
  const peer = libc === null ? null : readPeer(libc, fd);
  if (peer === null || "code" in peer || peer.uid === noUser) return { kind: "unix", destination };
  return { kind: "unix", destination, credential: peer };
}

/** Makes the header of version 1 (proxy-protocol.txt, section 2.1). */
function textHeader(client: ProxiedClient): Uint8Array {
  // Version 1 cannot describe a client without an IP address.
  if (client.kind !== "tcp") return Buffer.from("PROXY UNKNOWN\r\n");
  const { source, destination } = inOneFamily(client);
  const family = source.address.family === "ipv4" ? "TCP4" : "TCP6";
  return Buffer.from(
    `PROXY ${family} ${source.address.text} ${destination.address.text} ` +
      `${source.port} ${destination.port}\r\n`,
  );
}

/**
 * Gives both addresses the same family, because a header has only one family. The families differ
 * if the header of a proxy in front of the relay named an IPv4-mapped IPv6 address and another IPv6
 * address: the relay has read the mapped address as IPv4. This function makes it IPv6 again.
 */
function inOneFamily({ source, destination }: ProxiedEnds): ProxiedEnds {
  if (source.address.family === destination.address.family) return { source, destination };
  return { source: inIpv6(source), destination: inIpv6(destination) };
}

function inIpv6({ address, port }: IpEndpoint): IpEndpoint {
  return { address: ipv4MappedAddress(address), port };
}

// Constants of version 2 (proxy-protocol.txt, section 2.2).
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
const VERSION_2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
const UNIX_STREAM = 0x31;
const UNIX_ADDRESS_BYTES = 108;

/**
 * The type of the relay's own TLV, which contains the credential of a Unix client. The type is from
 * the range for applications (proxy-protocol.txt, section 2.2.8). The value has 8 bytes: the user
 * id and the process id, each as an unsigned 32-bit number in network order.
 */
export const CREDENTIAL_TLV = 0xe0;

function binaryHeader(client: ProxiedClient): Uint8Array {
  switch (client.kind) {
    case "tcp": {
      const { source, destination } = inOneFamily(client);
      return frame(source.address.family === "ipv4" ? TCP_OVER_IPV4 : TCP_OVER_IPV6, [
        source.address.bytes,
        destination.address.bytes,
        uint16(source.port),
        uint16(destination.port),
      ]);
    }
    case "unix": {
      const { destination, credential } = client;
      return frame(UNIX_STREAM, [
        // The source address stays empty, because a client's own Unix socket rarely has a name.
        new Uint8Array(UNIX_ADDRESS_BYTES),
        unixAddress(destination),
        ...(credential === undefined
          ? []
          : [tlv(CREDENTIAL_TLV, [uint32(credential.uid), uint32(credential.pid)])]),
      ]);
    }
  }
}

function frame(family: number, fields: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(fields);
  return Buffer.concat([
    SIGNATURE,
    Uint8Array.of(VERSION_2_PROXY, family),
    uint16(body.length),
    body,
  ]);
}

function tlv(type: number, fields: readonly Uint8Array[]): Uint8Array {
  const value = Buffer.concat(fields);
  return Buffer.concat([Uint8Array.of(type), uint16(value.length), value]);
}

function unixAddress(name: string): Uint8Array {
  const address = new Uint8Array(UNIX_ADDRESS_BYTES);
  address.set(Buffer.from(name).subarray(0, UNIX_ADDRESS_BYTES));
  return address;
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
