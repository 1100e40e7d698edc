import { expect, test } from "bun:test";
import { describeRelay, ECHO_PATH, ECHO_PORT, NO_START_LIMIT, RELAY } from "./support.ts";

const ROUNDS = 50;
const IDLE_MS = 100;

function units(
  name: string,
  listen: string,
  destination: string,
  workers = 1,
): Record<string, string> {
  return {
    [`${name}.socket`]: `
[Socket]
ListenStream=${listen}
TriggerLimitIntervalSec=0
`,
    [`${name}.service`]: `
[Unit]
${NO_START_LIMIT}

[Service]
Type=notify
ExecStart=${RELAY} --workers=${workers} --exit-idle-time=${IDLE_MS}ms systemd ${destination}
User=relay
`,
  };
}

await describeRelay("leaving for idleness", (bench) => {
  test.each([
    { name: "idle-tcp", listen: "127.0.0.1:9000", destination: ECHO_PATH, workers: 1 },
    { name: "idle-unix", listen: "/run/idle-unix/socket", destination: ECHO_PORT, workers: 1 },
    { name: "idle-workers", listen: "127.0.0.1:9001", destination: ECHO_PATH, workers: 3 },
  ])(
    `$name: ${ROUNDS} rounds of clients that come as it leaves lose none`,
    async ({ name, listen, destination, workers }) => {
      await bench.install(units(name, listen, destination, workers));
      await bench.systemctl("start", `${name}.socket`);
      expect(await bench.clients("knock.py", listen, ROUNDS, IDLE_MS)).toEqual({
        served: ROUNDS * 6,
        lost: {},
      });
      // Or no client has met one that was leaving.
      expect(await bench.starts(`${name}.service`)).toBeGreaterThan(ROUNDS / 3);
      await bench.machine.reaches(`${name}.service`, "ActiveState", "inactive");
      expect(await bench.machine.show(`${name}.service`, "Result")).toBe("success");
    },
    60_000,
  );

  test("counts from the start on", async () => {
    await bench.systemctl("start", "idle-tcp.service");
    await bench.machine.reaches("idle-tcp.service", "ActiveState", "inactive");
    expect(await bench.machine.show("idle-tcp.service", "Result")).toBe("success");
  });

  test("does not happen while a connection is open, be it silent", async () => {
    const held = await bench.startClients("hold.py", "127.0.0.1:9000", 1);
    const inside = bench.machine;
    const pid = await inside.show("idle-tcp.service", "MainPID");
    await Bun.sleep(IDLE_MS * 5);
    expect(await inside.show("idle-tcp.service", "ActiveState")).toBe("active");
    expect(await inside.show("idle-tcp.service", "MainPID")).toBe(pid);
    const { stdout } = await held.finish();
    expect(stdout).toBe('{"served": 1, "lost": {}}');
    await inside.reaches("idle-tcp.service", "ActiveState", "inactive");
  });
});
