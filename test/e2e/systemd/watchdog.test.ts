import { expect, test } from "bun:test";
import { describeRelay, ECHO_PATH, RELAY } from "./support.ts";

const LISTEN = "127.0.0.1:9000";
const LOAD_MS = 10_000;

const LISTEN_BY_SEVERAL = "127.0.0.1:9001";

const WATCHED = watched(LISTEN, ECHO_PATH);
const SEVERAL = watched("--workers=2", LISTEN_BY_SEVERAL, ECHO_PATH);

function watched(...words: readonly string[]): string {
  return `
[Service]
Type=notify
ExecStart=${[RELAY, ...words].join(" ")}
User=relay
WatchdogSec=1s
Restart=on-failure
RestartSec=0
`;
}

await describeRelay("the watchdog", (bench) => {
  test(
    "lets a relay under bulk load alone",
    async () => {
      await bench.install({ "watched.service": WATCHED });
      await bench.systemctl("start", "watched.service");
      const inside = bench.machine;
      const pid = await inside.show("watched.service", "MainPID");
      const load = await bench.startClients("bulk.py", LISTEN, 2);
      // Nothing to wait for: that nothing happens for so long is the point.
      await Bun.sleep(LOAD_MS);
      const { code, stdout, stderr } = await load.finish();
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(Number(stdout)).toBeGreaterThan(100e6);
      expect(await inside.show("watched.service", "MainPID")).toBe(pid);
      expect(await inside.show("watched.service", "NRestarts")).toBe("0");
    },
    LOAD_MS * 3,
  );

  test("restarts a relay whose loop stands still", async () => {
    const inside = bench.machine;
    const pid = await inside.show("watched.service", "MainPID");
    await bench.systemctl("kill", "--signal=STOP", "watched.service");
    await inside.reaches("watched.service", "NRestarts", "1");
    await inside.reaches("watched.service", "ActiveState", "active");
    expect(await inside.show("watched.service", "MainPID")).not.toBe(pid);
    const journal = await inside.journal("watched.service");
    expect(journal.map((entry) => entry.message).join("\n")).toContain("Watchdog timeout");
    expect(await bench.clients("burst.py", LISTEN, 10)).toEqual({ served: 10, lost: {} });
  });

  test("restarts a relay of which one worker stands still", async () => {
    await bench.install({ "several.service": SEVERAL });
    await bench.systemctl("start", "several.service");
    const inside = bench.machine;
    const pid = await inside.show("several.service", "MainPID");
    const hang = await bench.startClients("hang-thread.py", pid, "worker 2");
    await inside.reaches("several.service", "NRestarts", "1");
    await inside.reaches("several.service", "ActiveState", "active");
    expect(await hang.finish()).toMatchObject({ code: 0, stderr: "" });
    const journal = await inside.journal("several.service");
    expect(journal.map((entry) => entry.message).join("\n")).toContain("Watchdog timeout");
    const served = await bench.clients("burst.py", LISTEN_BY_SEVERAL, 10);
    expect(served).toEqual({ served: 10, lost: {} });
  });
});
