import type { PacketRecorder } from "./packet-recorder.ts";
import { ACK, FIN, type PacketEnd, PAYLOAD_MOST, PSH, RST, SYN } from "./tcp-packet.ts";

const NOTHING: Uint8Array = new Uint8Array();

// In a capture all clients of a relay have the same address, and the destination has another
// address. Both are from the range for private networks (RFC 1918).
const CLIENT_ADDRESS = Uint8Array.of(10, 0, 0, 1);
const DESTINATION_ADDRESS = Uint8Array.of(10, 0, 0, 2);
// The lowest port of a client in a capture. Clients get the ports from here up to 65,535 in turn.
const FIRST_PORT = 1_024;
const CLIENT_PORTS = 65_536 - FIRST_PORT;

/** One direction of a conversation. */
interface Way {
  readonly end: PacketEnd;
  /** The sequence number of the next byte. */
  next: number;
  /**
   * The state of the end that sends in this direction. `open`: it may send bytes. `ended`: it has
   * sent FIN, and now sends only acknowledgements. `reset`: it has sent RST and sends nothing more.
   */
  state: "open" | "ended" | "reset";
}

/**
 * Records a connection as a TCP conversation between the client and the destination, even if one of
 * them is a Unix socket. The conversation begins with a whole handshake as soon as the relay has
 * accepted the client, although the relay is not connected to the destination yet. The time of a
 * packet with bytes is the time at which the relay has read these bytes.
 */
export class TcpConversation {
  readonly #recorder: PacketRecorder;
  readonly #client: Way;
  readonly #destination: Way;

  /**
   * @param id - the number of the connection; no other open connection of the relay has the same
   *   number
   * @param port - the destination's port, by which Wireshark chooses a protocol
   */
  constructor(recorder: PacketRecorder, id: number, port: number) {
    this.#recorder = recorder;
    const clientPort = FIRST_PORT + (id % CLIENT_PORTS);
    this.#client = wayOf(CLIENT_ADDRESS, clientPort);
    this.#destination = wayOf(DESTINATION_ADDRESS, port);
  }

  /**
   * Records the handshake. Called when the relay has accepted the client.
   *
   * @param client - the client's address, or the user, group and process ids of a Unix client, for
   *   the comment of the first packet
   */
  began(client: string): void {
    this.#send(this.#client, SYN, NOTHING, `client: ${client}`);
    this.#send(this.#destination, SYN | ACK);
    this.#send(this.#client, ACK);
  }

  /** Records bytes that the client has sent, or the destination if `fromClient` is false. */
  sent(fromClient: boolean, bytes: Uint8Array): void {
    const [way, other] = this.#ways(fromClient);
    if (this.#recorder.isOver) return;
    for (let at = 0; at < bytes.length; at += PAYLOAD_MOST)
      this.#send(way, PSH | ACK, bytes.subarray(at, at + PAYLOAD_MOST));
    if (other.state !== "reset") this.#send(other, ACK);
  }

  /**
   * Records the end of stream (FIN) of the client, or of the destination if `fromClient` is false.
   */
  ended(fromClient: boolean): void {
    const [way, other] = this.#ways(fromClient);
    if (way.state !== "open") return;
    this.#send(way, FIN | ACK);
    way.state = "ended";
    if (other.state !== "reset") this.#send(other, ACK);
  }

  /**
   * Records the reset (RST) of the client, or of the destination if `fromClient` is false. Called
   * when the socket of that side has failed, or when the last bytes from that side could not be
   * delivered.
   */
  reset(fromClient: boolean): void {
    const [way] = this.#ways(fromClient);
    if (way.state === "reset") return;
    this.#send(way, RST | ACK);
    way.state = "reset";
  }

  /**
   * Records the end of a conversation in which a direction has not ended: the side that receives in
   * this direction resets the conversation. Called when the relay has closed both sockets.
   */
  over(): void {
    for (const fromClient of [true, false]) {
      const [way, other] = this.#ways(fromClient);
      if (way.state === "open" && other.state !== "reset") this.reset(!fromClient);
    }
  }

  #ways(fromClient: boolean): readonly [Way, Way] {
    return fromClient ? [this.#client, this.#destination] : [this.#destination, this.#client];
  }

  #send(way: Way, flags: number, payload = NOTHING, comment: string | null = null): void {
    const other = way === this.#client ? this.#destination : this.#client;
    const packet = {
      from: way.end,
      to: other.end,
      sequence: way.next,
      acknowledgement: (flags & ACK) === 0 ? 0 : other.next,
      flags,
      payload,
    };
    this.#recorder.record(packet, comment);
    // SYN and FIN take a sequence number each (RFC 9293 3.4).
    way.next += payload.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
  }
}

function wayOf(address: Uint8Array, port: number): Way {
  return { end: { address, port }, next: 0, state: "open" };
}
