import { beforeAll, describe, expect, test } from "bun:test";
import { describeRelay, ECHO_PATH, ECHO_PORT, RELAY, tallyOf } from "./support.ts";

const UNITS = "/etc/systemd/system";
const CLIENTS = 20;
const HELD = 10;
const RELOADS = 6;

// A second copy, so that each upgrade brings another file than the one that runs.
const OTHER = `${RELAY}.other`;

// The generated one, but for a watchdog that is fed within this test.
const WATCHDOG = "[Service]\nWatchdogSec=6s\n";

await describeRelay("systemctl reload of a generated unit", (bench) => {
  beforeAll(() => bench.machine.succeed(["cp", RELAY, OTHER]));

  /** Writes a relay's units by `units`, and starts what they say. */
  async function install(name: string, ...words: readonly string[]): Promise<void> {
    const output = [`--output=${UNITS}`, `--name=${name}`];
    const printed = await bench.machine.succeed([RELAY, "units", ...output, ...words]);
    await bench.machine.write(`${UNITS}/${name}.service.d/watchdog.conf`, WATCHDOG);
    const commands = printed.split("\n").filter((line) => line.startsWith("  "));
    await bench.machine.succeed(`set -e\n${commands.join("\n")}`);
  }

  async function upgrade(): Promise<void> {
    const swap = `mv ${RELAY} ${RELAY}.old && mv ${OTHER} ${RELAY} && mv ${RELAY}.old ${OTHER}`;
    await bench.machine.succeed(swap);
  }

  function mainPid(unit: string): Promise<string> {
    return bench.machine.show(unit, "MainPID");
  }

  /** Reloads a unit, and waits until another process is its main one and ready. */
  async function reload(unit: string): Promise<void> {
    const before = await mainPid(unit);
    await bench.systemctl("reload", unit);
    await bench.machine.reaches(unit, "MainPID", new RegExp(`^(?!(${before}|0)$)`));
    await bench.machine.reaches(unit, "ActiveState", "active");
  }

  async function words(unit: string): Promise<string[]> {
    return (await bench.machine.journal(unit)).map(({ message }) => message);
  }

  describe.each([
    { name: "own-unix", source: "/run/own-unix/socket", options: ["--no-socket", "--mode=0666"] },
    { name: "own-tcp", source: "127.0.0.1:9100", options: ["--no-socket", "--workers=2"] },
    { name: "passed-tcp", source: "127.0.0.1:9101", options: [] },
  ])("$name", ({ name, source, options }) => {
    const unit = `${name}.service`;
    const destination = source.startsWith("/") ? ECHO_PORT : ECHO_PATH;

    test(`${RELOADS} upgrades under load: nobody notices`, async () => {
      await install(name, ...options, source, destination);
      const held = await bench.startClients("hold.py", source, HELD);
      const load = await bench.startClients("reconnect.py", source, CLIENTS);
      for (let times = 1; times <= RELOADS; times += 1) {
        await upgrade();
        await reload(unit);
        await load.say("as many again");
        expect(await load.line()).toBe("ready");
        await held.say("once more");
        expect(await held.line()).toBe(`{"served": ${HELD}, "lost": {}}`);
      }
      expect(tallyOf(await load.finish()).lost).toEqual({});
      const status = new RegExp(` served, ${HELD} open in earlier processes$`);
      await bench.machine.reaches(unit, "StatusText", status);
      expect(await held.finish()).toMatchObject({ code: 0 });
      await bench.machine.reaches(unit, "StatusText", /^0 open, \d+ served$/);
      // The newest process feeds the watchdog.
      const fed = await bench.machine.show(unit, "WatchdogTimestampMonotonic");
      await bench.machine.reaches(unit, "WatchdogTimestampMonotonic", new RegExp(`^(?!${fed}$)`));
      expect(await bench.machine.show(unit, "NRestarts")).toBe("0");
      const processes = await bench.machine.succeed(["pgrep", "--full", `^${RELAY}`]);
      expect(processes.trim()).toBe(await mainPid(unit));
      // Not a word of systemd's but that it reloaded.
      const complaints = (await bench.machine.journal(unit)).filter(
        ({ pid, priority }) => pid === 1 && priority < 6,
      );
      expect(complaints).toEqual([]);
    });

    test("a reload that fails leaves the unit active, and the reason in the journal", async () => {
      const before = await mainPid(unit);
      await bench.machine.succeed(`mv ${RELAY} ${RELAY}.away && cp /bin/false ${RELAY}`);
      await bench.systemctl("reload", unit);
      const failed = /handover failed: the new process ended with status 1/;
      await untilJournal(unit, (lines) => lines.some((line) => failed.test(line)));
      await bench.machine.succeed(`mv ${RELAY}.away ${RELAY}`);
      await bench.machine.reaches(unit, "ActiveState", "active");
      expect(await mainPid(unit)).toBe(before);
      expect(await bench.clients("burst.py", source, CLIENTS)).toEqual({
        served: CLIENTS,
        lost: {},
      });
      await reload(unit);
    });

    test("a stop during a handover ends all in time", async () => {
      const held = await bench.startClients("hold.py", source, HELD);
      await reload(unit);
      const slow = `#!/bin/sh\nsleep 100\n`;
      await bench.machine.succeed(`mv ${RELAY} ${RELAY}.away`);
      await bench.machine.write(RELAY, slow, 0o755);
      const handovers = (await words(unit)).filter(isHandover).length;
      await bench.systemctl("reload", "--no-block", unit);
      await untilJournal(unit, (lines) => lines.filter(isHandover).length > handovers);
      const began = performance.now();
      await bench.systemctl("stop", ...(name.startsWith("own") ? [] : [`${name}.socket`]), unit);
      expect(performance.now() - began).toBeLessThan(15_000);
      await bench.machine.succeed(`mv ${RELAY}.away ${RELAY}`);
      expect(await bench.machine.show(unit, "Result")).toBe("success");
      expect(await bench.machine.show(unit, "NRestarts")).toBe("0");
      await held.finish();
    });
  });

  async function untilJournal(
    unit: string,
    holds: (lines: readonly string[]) => boolean,
  ): Promise<void> {
    const began = performance.now();
    for (let lines = await words(unit); !holds(lines); lines = await words(unit))
      if (performance.now() - began > 20_000) throw new Error(lines.join("\n"));
  }
});

function isHandover(line: string): boolean {
  return line.startsWith("handover: starting");
}
