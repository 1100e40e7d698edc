import { expect, test } from "bun:test";
import { clientWords, describeRelay, ECHO_PATH, NO_START_LIMIT, RELAY } from "./support.ts";

const LISTEN = "127.0.0.1:9000";

function unit(args: string, more = ""): string {
  return `
[Unit]
${NO_START_LIMIT}

[Service]
Type=notify
ExecStart=${RELAY} ${args}
User=relay
${more}
`;
}

await describeRelay("readiness", (bench) => {
  test("is told when it accepts and not before: 20 starts, each met at once", async () => {
    await bench.install({ "ready.service": unit(`${LISTEN} ${ECHO_PATH}`) });
    const met = `systemctl restart ready.service && exec 3<>/dev/tcp/127.0.0.1/9000`;
    for (let round = 0; round < 20; round++) await bench.machine.succeed(["bash", "-c", met]);
  });

  test("is not told by one that cannot listen", async () => {
    await bench.systemctl("start", "ready.service");
    await bench.install({ "second.service": unit(`${LISTEN} ${ECHO_PATH}`) });
    const { code } = await bench.machine.run("systemctl start second.service");
    expect(code).not.toBe(0);
    const inside = bench.machine;
    expect(await inside.show("second.service", "Result")).toBe("exit-code");
    expect(await inside.show("second.service", "ExecMainStatus")).toBe("1");
    await bench.systemctl("stop", "ready.service");
  });

  test("the last failure is in the status", async () => {
    await bench.install({ "nowhere.service": unit(`${LISTEN} /run/nobody/socket`) });
    await bench.systemctl("start", "nowhere.service");
    const tally = await bench.clients("burst.py", LISTEN, 1);
    expect(tally.served).toBe(0);
    await bench.machine.reaches("nowhere.service", "StatusText", /ENOENT|No such file/i);
    await bench.systemctl("stop", "nowhere.service");
  });

  test("a stop waits for open connections, longer than systemd would by itself", async () => {
    const more = "TimeoutStopSec=1s";
    await bench.install({
      "slow.service": unit(`--drain-timeout=20s ${LISTEN} ${ECHO_PATH}`, more),
    });
    await bench.systemctl("start", "slow.service");
    const held = await bench.startClients("hold.py", LISTEN, 2);
    const stopped = bench.systemctl("stop", "slow.service");
    const inside = bench.machine;
    await inside.reaches("slow.service", "ActiveState", "deactivating");
    await inside.reaches("slow.service", "StatusText", /\b2\b/);
    // Three times what the unit allows: only EXTEND_TIMEOUT_USEC= keeps systemd from killing it. A
    // connection on which nothing moves would not be waited for.
    for (let look = 0; look < 10; look++) {
      await Bun.sleep(300);
      await held.say("move");
      expect(await held.line()).toBe('{"served": 2, "lost": {}}');
    }
    expect(await inside.show("slow.service", "ActiveState")).toBe("deactivating");
    const { code, stdout } = await held.finish();
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"served": 2, "lost": {}}' });
    await stopped;
    expect(await inside.show("slow.service", "Result")).toBe("success");
  });

  test("is told once there is room in the manager's queue", async () => {
    const { machine } = bench;
    const wait = "while [ ! -e /run/go ]; do sleep 0.02; done";
    await bench.install({
      "crowded.service": unit(`${LISTEN} ${ECHO_PATH}`).replace(
        /ExecStart=(.*)/,
        `ExecStart=sh -c 'touch /run/relay/here; ${wait}; exec $1'\nRuntimeDirectory=relay`,
      ),
    });
    await machine.succeed("systemctl start --no-block crowded.service");
    await machine.succeed("until [ -e /run/relay/here ]; do sleep 0.02; done");
    {
      using _frozen = machine.freezeManager();
      const filled = await machine.succeed(clientWords("fill.py", ["/run/systemd/notify"]));
      expect(Number(filled)).toBeGreaterThan(0);
      await machine.succeed("touch /run/go");
      // It relays, and nobody can be told.
      const met = "until (exec 3<>/dev/tcp/127.0.0.1/9000) 2>/dev/null; do sleep 0.02; done";
      await machine.succeed(["bash", "-c", met]);
    }
    await machine.reaches("crowded.service", "ActiveState", "active");
    expect(await machine.show("crowded.service", "StatusText")).toContain("listening");
    await bench.systemctl("stop", "crowded.service");
  });

  test("is told where memory may not be both written and executed", async () => {
    const more = "MemoryDenyWriteExecute=yes\nNotifyAccess=all";
    await bench.install({ "strict.service": unit(`${LISTEN} ${ECHO_PATH}`, more) });
    await bench.systemctl("start", "strict.service");
    expect(await bench.clients("burst.py", LISTEN, 10)).toEqual({ served: 10, lost: {} });
    await bench.systemctl("stop", "strict.service");
    expect(await bench.machine.show("strict.service", "Result")).toBe("success");
  });
});
