import { afterEach, expect, jest, test } from "bun:test";
import { ServiceState } from "../../../src/systemd/report-service-state.ts";
import { fakeConnection } from "../observe/fake-connection.ts";

// The pause between two statuses, in milliseconds (src/systemd/report-service-state.ts).
const PAUSE = 1_000;

afterEach(() => void jest.useRealTimers());

test("the status says what fails, of each relay, until it works again", () => {
  jest.useFakeTimers();
  const said: string[] = [];
  const notifier = {
    notify: ({ STATUS = "" }: Readonly<Record<string, string>>) => void said.push(STATUS),
  };
  using service = new ServiceState(notifier, 0, null);
  const [one, two] = [service.watch(), service.watch()];
  /** The status after something happened. */
  const after = (happens: () => void): string => {
    const before = said.length;
    happens();
    jest.advanceTimersByTime(PAUSE);
    expect(said).toHaveLength(before + 1);
    return (said.at(-1) ?? "").replaceAll(/since \d{4}-\d\d-\d\dT\d\d:\d\dZ/g, "since then");
  };
  const connection = fakeConnection();
  const fail = (relay: typeof one, message: string) => {
    relay.opened?.(connection);
    relay.unreachable?.(connection, { code: "ENOENT", message });
    relay.closed?.(connection, "unreachable");
  };

  expect(
    after(() => {
      fail(one, "cannot reach /a");
      fail(two, "cannot reach /b");
      fail(two, "cannot reach /b any more");
    }),
  ).toBe(
    "0 open, 3 served; cannot reach /a; 1 client failed since then" +
      "; cannot reach /b any more; 2 clients failed since then",
  );
  expect(after(() => two.reachedAgain?.())).toBe(
    "0 open, 3 served; cannot reach /a; 1 client failed since then",
  );
  expect(
    after(() => {
      one.reachedAgain?.();
      one.sourceLost?.("file");
    }),
  ).toBe("0 open, 3 served; a source's file is gone: nobody can connect");
  expect(after(() => one.sourceBack?.("file"))).toBe("0 open, 3 served");
});
