import { type TcpSocket, tcpSocket } from "../../support/process/tcp-sockets.ts";
import type { RawSocket } from "../../support/sockets/raw-socket.ts";

/** Looks at the relay's socket at the other end of one of the test's, which may be closed since. */
export function relaySocket(end: RawSocket): () => TcpSocket | undefined {
  const { own, peer } = end.ports;
  return () => tcpSocket(peer, own);
}
