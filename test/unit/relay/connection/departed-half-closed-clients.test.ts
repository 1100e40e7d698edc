import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import type { Socket } from "bun";
import { DepartedLocalClients } from "../../../../src/relay/connection/departed-half-closed-clients.ts";
import { Side } from "../../../../src/relay/stream/side.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A side with a socket that counts how often anything is asked of it. */
class AskedSide extends Side {
  readonly isTcp = true;
  asked = 0;

  constructor() {
    super();
    this.socket = new Proxy({} as Socket<unknown>, {
      get: () => {
        this.asked += 1;
        return undefined;
      },
    });
  }
}

test("nothing is looked up before it matters whether a client has left", () => {
  let isDue = false;
  const client = new AskedSide();
  const departed = jest.fn();
  const clients = new DepartedLocalClients(() => isDue, departed);
  clients.watch({ client, bytesDown: 0 });
  // The looks come after 1 s, 3 s and 7 s.
  jest.advanceTimersByTime(3_500);
  expect(client.asked).toBe(0);
  isDue = true;
  jest.advanceTimersByTime(4_000);
  expect(client.asked).toBeGreaterThan(0);
  expect(departed).not.toHaveBeenCalled();
});

test("a client whose socket is closed has left, due or not", () => {
  const client = new AskedSide();
  client.socket = null;
  const departed = jest.fn();
  const connection = { client, bytesDown: 0 };
  new DepartedLocalClients(() => false, departed).watch(connection);
  jest.advanceTimersByTime(1_500);
  expect(departed.mock.calls).toEqual([[connection]]);
});
