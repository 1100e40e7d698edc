// Features of Bun 1.4.5's sockets that Bun's types lack. test/integration/runtime-facts
// fails if a new Bun drops one of them.
import "bun";

declare module "bun" {
  /** Options of a socket whose `data` event brings a Uint8Array. */
  type BytesOptions<Options, Data> = Omit<Options, "socket"> & {
    socket: SocketHandler<Data, "uint8array">;
  };

  /**
   * Makes a Bun socket of a connected or connecting stream descriptor. Bun calls the `open` handler
   * before `connect` returns.
   */
  function connect<Data>(options: BytesOptions<FdSocketOptions<Data>, Data>): Promise<Socket<Data>>;
  function connect<Data>(
    options: BytesOptions<TCPSocketConnectOptions<Data>, Data>,
  ): Promise<Socket<Data>>;
  function connect<Data>(
    options: BytesOptions<UnixSocketOptions<Data>, Data>,
  ): Promise<Socket<Data>>;

  /** Makes a Bun listener of a listening descriptor. */
  function listen<Data>(options: BytesOptions<FdSocketOptions<Data>, Data>): SocketListener<Data>;
  function listen<Data>(
    options: BytesOptions<TCPSocketListenOptions<Data>, Data>,
  ): TCPSocketListener<Data>;
  function listen<Data>(
    options: BytesOptions<UnixSocketOptions<Data>, Data>,
  ): UnixSocketListener<Data>;

  interface Socket<Data> {
    /** The descriptor; -1 once the socket is closed. */
    readonly fd: number;
  }

  interface SocketListener<Data> {
    /** The listening descriptor. */
    readonly fd: number;
  }
}
