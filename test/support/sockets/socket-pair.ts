import { encodeName } from "./socket-name.ts";
import { AF_UNIX, must, system } from "../process/system-calls.ts";

/** Two Unix sockets that are connected to one another, closed when disposed. */
export interface SocketPair extends Disposable {
  readonly one: number;
  readonly other: number;
}

/** As socketpair(2), which the tests have no other use for. */
export function socketPair(): SocketPair {
  const name = encodeName({ kind: "abstract", name: `pair-${crypto.randomUUID()}` });
  const listener = must("socket", system.socket(AF_UNIX));
  must("bind", system.bind(listener, name));
  must("listen", system.listen(listener, 1));
  const one = must("socket", system.socket(AF_UNIX));
  must("connect", system.connect(one, name));
  const other = must("accept", system.accept(listener));
  system.close(listener);
  return {
    one,
    other,
    [Symbol.dispose]() {
      system.close(one);
      system.close(other);
    },
  };
}
