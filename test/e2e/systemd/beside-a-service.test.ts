import { expect, test } from "bun:test";
import { clientWords, describeRelay, RELAY, UNITS } from "./support.ts";

const PORT = "127.0.0.1:9000";
const SOCKET = "/run/app-relay/socket";

// Ready for systemd as soon as it is started, for clients only later.
const SLOW_TO_LISTEN_S = 1;
const APP = `
[Service]
ExecStart=sh -c 'sleep ${SLOW_TO_LISTEN_S}; exec ${clientWords("echo.py", [PORT]).join(" ")}'
DynamicUser=yes
`;

const IDLE_S = 1;
const IDLE_MS = IDLE_S * 1_000;
const ROUNDS = 5;

await describeRelay("a relay beside a service", (bench) => {
  test("is installed", async () => {
    await bench.install({ "app.service": APP });
    const words = ["--service=app", "--mode=0666", SOCKET, PORT];
    await bench.machine.succeed([RELAY, "units", `--output=${UNITS}`, ...words]);
    await bench.machine.succeed("systemctl daemon-reload && systemctl start relay-app.socket");
  });

  test("has its first client wait until the service listens, and serves it", async () => {
    expect(await bench.machine.show("app.service", "ActiveState")).toBe("inactive");
    expect(await bench.clients("burst.py", SOCKET, 10)).toEqual({ served: 10, lost: {} });
  });

  test.each(["hold.py", "bulk.py"])(
    "does not hold up a restart of the service, whatever %s does with its connections",
    async (clients) => {
      const load = await bench.startClients(clients, SOCKET, 2);
      const pid = await bench.machine.show("app.service", "MainPID");
      const begun = performance.now();
      await bench.systemctl("restart", "app.service");
      // Without units that know of the service a drain takes up to 8 seconds.
      expect(performance.now() - begun).toBeLessThan(6_000);
      expect(await bench.machine.show("app.service", "MainPID")).not.toBe(pid);
      await load.finish();
      expect(await bench.clients("burst.py", SOCKET, 10)).toEqual({ served: 10, lost: {} });
    },
  );
});

await describeRelay("a relay and a service on demand", (bench) => {
  test("are installed, and do not run", async () => {
    await bench.install({ "app.service": `${APP}\n[Install]\nWantedBy=multi-user.target\n` });
    await bench.systemctl("enable", "--now", "app.service");
    const words = ["--service=app", `--on-demand=${IDLE_S}s`, "--mode=0666", SOCKET, PORT];
    const printed = await bench.machine.succeed([RELAY, "units", `--output=${UNITS}`, ...words]);
    const commands = printed.split("\n").filter((line) => line.startsWith("  "));
    await bench.machine.succeed(`set -e\n${commands.join("\n")}`);
    expect(await bench.machine.show("app.service", "ActiveState")).toBe("inactive");
    expect(await bench.machine.show("relay-app.service", "ActiveState")).toBe("inactive");
  });

  test("start for the first client, and stop together when nobody is left", async () => {
    expect(await bench.clients("burst.py", SOCKET, 10)).toEqual({ served: 10, lost: {} });
    expect(await bench.machine.show("app.service", "ActiveState")).toBe("active");
    await bench.machine.reaches("relay-app.service", "ActiveState", "inactive");
    await bench.machine.reaches("app.service", "ActiveState", "inactive");
    expect(await bench.machine.show("relay-app.service", "Result")).toBe("success");
    expect(await bench.machine.show("relay-app.socket", "ActiveState")).toBe("active");
  });

  test("do not stop while a connection is open, be it silent", async () => {
    const held = await bench.startClients("hold.py", SOCKET, 1);
    await Bun.sleep(2 * IDLE_MS);
    expect(await bench.machine.show("app.service", "ActiveState")).toBe("active");
    expect((await held.finish()).stdout).toBe('{"served": 1, "lost": {}}');
    await bench.machine.reaches("app.service", "ActiveState", "inactive");
  });

  test(
    `lose none of ${ROUNDS} rounds of clients that come as they stop`,
    async () => {
      expect(await bench.clients("knock.py", SOCKET, ROUNDS, IDLE_MS)).toEqual({
        served: ROUNDS * 6,
        lost: {},
      });
      await bench.machine.reaches("app.service", "ActiveState", "inactive");
    },
    ROUNDS * 20_000,
  );
});
