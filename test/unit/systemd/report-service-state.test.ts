import { expect, test } from "bun:test";
import { ServiceState } from "../../../src/systemd/report-service-state.ts";
import { fakeConnection } from "../observe/fake-connection.ts";
import { until } from "../../support/waiting.ts";

test("the status says what fails, of each relay, until it works again", async () => {
  const said: string[] = [];
  const notifier = {
    notify: ({ STATUS = "" }: Readonly<Record<string, string>>) => void said.push(STATUS),
  };
  using service = new ServiceState(notifier, 0, null);
  const [one, two] = [service.watch(), service.watch()];
  /** The status after something happened. */
  const after = async (happens: () => void): Promise<string> => {
    const before = said.length;
    happens();
    await until(() => said.length > before, "a status");
    return (said.at(-1) ?? "").replaceAll(/since \d{4}-\d\d-\d\dT\d\d:\d\dZ/g, "since then");
  };
  const connection = fakeConnection();
  const fail = (relay: typeof one, message: string) => {
    relay.opened?.(connection);
    relay.unreachable?.(connection, { code: "ENOENT", message });
    relay.closed?.(connection, "unreachable");
  };

  expect(
    await after(() => {
      fail(one, "cannot reach /a");
      fail(two, "cannot reach /b");
      fail(two, "cannot reach /b any more");
    }),
  ).toBe(
    "0 open, 3 served; cannot reach /a; 1 client failed since then" +
      "; cannot reach /b any more; 2 clients failed since then",
  );
  expect(await after(() => two.reachedAgain?.())).toBe(
    "0 open, 3 served; cannot reach /a; 1 client failed since then",
  );
  expect(
    await after(() => {
      one.reachedAgain?.();
      one.sourceLost?.("file");
    }),
  ).toBe("0 open, 3 served; a source's file is gone: nobody can connect");
  expect(await after(() => one.sourceBack?.("file"))).toBe("0 open, 3 served");
});
