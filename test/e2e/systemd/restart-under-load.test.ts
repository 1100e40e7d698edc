import { expect, test } from "bun:test";
import { describeRelay, ECHO_PATH, ECHO_PORT, NO_START_LIMIT, RELAY, tallyOf } from "./support.ts";

const CLIENTS = 50;
const RESTARTS = 8;

await describeRelay("systemctl restart of an activated relay", (bench) => {
  test.each([
    { name: "busy-tcp", listen: "127.0.0.1:9000", destination: ECHO_PATH },
    { name: "busy-unix", listen: "/run/busy-unix/socket", destination: ECHO_PORT },
  ])(
    `$name: ${CLIENTS} clients that come back all the time notice nothing`,
    async ({ name, listen, destination }) => {
      await bench.install({
        [`${name}.socket`]: `[Socket]\nListenStream=${listen}\n`,
        [`${name}.service`]: `
[Unit]
${NO_START_LIMIT}

[Service]
Type=notify
ExecStart=${RELAY} systemd ${destination}
User=relay
`,
      });
      await bench.systemctl("start", `${name}.socket`);
      const load = await bench.startClients("reconnect.py", listen, CLIENTS);
      for (let restart = 0; restart < RESTARTS; restart++) {
        await bench.systemctl("restart", `${name}.service`);
        await load.say("as many again");
        expect(await load.line()).toBe("ready");
      }
      const tally = tallyOf(await load.finish());
      expect(tally.lost).toEqual({});
      expect(tally.served).toBeGreaterThan(CLIENTS * (RESTARTS + 1));
      expect(await bench.starts(`${name}.service`)).toBe(RESTARTS + 1);
      expect(await bench.machine.show(`${name}.service`, "Result")).toBe("success");
    },
    60_000,
  );
});
