import { describe, expect, test } from "bun:test";
import { describeRelay, ECHO_PATH, ECHO_PORT, RELAY, UNITS } from "./support.ts";

const FILE = "/etc/relays/three.toml";
const CLIENTS = 20;

const UNIX = "/run/three/socket";
const TCP = "127.0.0.1:9200";
const OTHER_TCP = "127.0.0.1:9201";
const LATE_TCP = "127.0.0.1:9202";

const PAGES = "127.0.0.1:7100";
const PAGES_UNIT = `
[Service]
ExecStart=python3 -m http.server --bind 127.0.0.1 --directory /srv/pages 7100
`;
const PAGE = "the page\n";

// As units.test.ts has it of a single relay that opens TCP sockets in the host's network.
const HOST_NETWORK = 0.9;

interface Ends {
  readonly source: string;
  readonly destination: string;
  readonly mode?: string;
}

const THREE: Readonly<Record<string, Ends>> = {
  web: { source: UNIX, destination: ECHO_PORT, mode: "0666" },
  port: { source: TCP, destination: ECHO_PATH },
  other: { source: OTHER_TCP, destination: ECHO_PORT },
};

function toml(relays: Readonly<Record<string, Ends>>): string {
  return Object.entries(relays)
    .map(([name, ends]) => {
      const lines = Object.entries(ends).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
      return [`[relay.${name}]`, ...lines, ""].join("\n");
    })
    .join("\n");
}

await describeRelay("the units of a configuration file", (bench) => {
  const write = (relays: Readonly<Record<string, Ends>>) => bench.machine.write(FILE, toml(relays));

  async function install(...words: readonly string[]): Promise<void> {
    const command = [RELAY, "units", `--output=${UNITS}`, `--config=${FILE}`, ...words];
    const printed = await bench.machine.succeed(command);
    const commands = printed.split("\n").filter((line) => line.startsWith("  "));
    await bench.machine.succeed(`set -e\n${commands.join("\n")}`);
  }

  /** Has systemd itself check units; gives how exposed it finds the service. */
  async function judge(service: string, ...sockets: readonly string[]): Promise<number> {
    const files = [service, ...sockets].map((unit) => `${UNITS}/${unit}`);
    const verified = await bench.machine.run(["systemd-analyze", "verify", "--man=no", ...files]);
    expect(verified).toEqual({ code: 0, stdout: "", stderr: "" });
    const security = ["systemd-analyze", "security", "--no-pager", service];
    const table = await bench.machine.succeed(security);
    const [, figure] = /Overall exposure level for .*: ([\d.]+) /.exec(table) ?? [];
    return Number(figure);
  }

  async function expectEchoes(...sources: readonly string[]): Promise<void> {
    for (const source of sources)
      expect(await bench.clients("burst.py", source, CLIENTS)).toEqual({
        served: CLIENTS,
        lost: {},
      });
  }

  const warnings = async (unit: string) =>
    (await bench.said(unit)).filter(({ priority }) => priority < 6).map(({ message }) => message);

  /** Waits until the journal of a unit has these words. */
  async function said(unit: string, words: string): Promise<void> {
    const look = `journalctl --unit=${unit} | grep --quiet --fixed-strings '${words}'`;
    await bench.machine.succeed(`until ${look}; do sleep 0.05; done`);
  }

  /** Reloads, and waits until another process is the main one. */
  async function reload(unit: string, verb = "reload", units = unit): Promise<void> {
    const before = await bench.machine.show(unit, "MainPID");
    await bench.systemctl(verb, units);
    await bench.machine.reaches(unit, "MainPID", new RegExp(`^(?!(${before}|0)$)`));
    await bench.machine.reaches(unit, "ActiveState", "active");
  }

  describe("with a socket for each relay", () => {
    const unit = "relay-three.service";
    const sockets = ["web", "port", "other"].map((name) => `relay-three-${name}.socket`);

    test("the first client of any source starts the service, and all are reached", async () => {
      await write(THREE);
      await install();
      expect(await bench.machine.show(unit, "ActiveState")).toBe("inactive");
      await expectEchoes(UNIX, TCP, OTHER_TCP);
      expect(await bench.starts(unit)).toBe(1);
      expect(await warnings(unit)).toEqual([]);
      expect(await bench.machine.succeed(["stat", "--format=%a", UNIX])).toBe("666\n");
    });

    test("is no more exposed than a single relay's", async () => {
      expect(await judge(unit, ...sockets)).toBeLessThanOrEqual(HOST_NETWORK);
    });

    test("a reload moves one destination and adds a relay, and no other client notices", async () => {
      await bench.machine.write("/srv/pages/page", PAGE);
      await bench.install({ "pages.service": PAGES_UNIT });
      await bench.systemctl("start", "pages.service");
      await bench.machine.succeed(
        `until curl --silent --output /dev/null http://${PAGES}/; do sleep 0.05; done`,
      );
      const held = await bench.startClients("hold.py", UNIX, CLIENTS);
      await write({
        ...THREE,
        port: { source: TCP, destination: PAGES },
        late: { source: LATE_TCP, destination: ECHO_PATH },
      });
      await reload(unit);
      await held.say("once more");
      expect(await held.line()).toBe(`{"served": ${CLIENTS}, "lost": {}}`);
      expect(await held.finish()).toMatchObject({ code: 0 });
      const curl = ["curl", "--silent", "--show-error", `http://${TCP}/page`];
      expect(await bench.machine.succeed(curl)).toBe(PAGE);
      await expectEchoes(UNIX, OTHER_TCP, LATE_TCP);
      await said(unit, `systemd passed no socket for ${LATE_TCP}: the relay listens by itself`);
      expect(await bench.machine.show(unit, "NRestarts")).toBe("0");
    });

    test("a relay that leaves the file leaves a socket, which the journal names", async () => {
      await write({ web: THREE["web"] ?? { source: "", destination: "" } });
      // As after an upgrade of the package (README).
      await reload(unit, "try-reload-or-restart", "relay-*.service");
      await expectEchoes(UNIX);
      await said(unit, `the socket port (${TCP}), and no relay has it`);
      await said(unit, `the socket other (${OTHER_TCP}), and no relay has it`);
    });

    test("a source that moved needs new units: the old process goes on, and says so", async () => {
      const before = await bench.machine.show(unit, "MainPID");
      await write({ ...THREE, port: { source: "127.0.0.1:9209", destination: ECHO_PATH } });
      await bench.systemctl("reload", unit);
      await said(unit, `systemd listens on ${TCP} for this relay; write the units again`);
      await bench.machine.reaches(unit, "ActiveState", "active");
      expect(await bench.machine.show(unit, "MainPID")).toBe(before);
      await expectEchoes(UNIX);
    });

    test("a mistake in the file fails the reload itself, and the relays go on", async () => {
      const before = await bench.machine.show(unit, "MainPID");
      await bench.machine.write(FILE, "[relay.web]\nsource = 1\n");
      const { code } = await bench.machine.run(["systemctl", "reload", unit]);
      expect(code).toBe(1);
      await said(unit, "relay.web.source: 1 is not an address");
      expect(await bench.machine.show(unit, "ActiveState")).toBe("active");
      expect(await bench.machine.show(unit, "MainPID")).toBe(before);
      await expectEchoes(UNIX);
    });

    test("new units with --force, and what they print, follow the file", async () => {
      await write({ ...THREE, late: { source: LATE_TCP, destination: ECHO_PATH } });
      await install("--force");
      await expectEchoes(UNIX, TCP, OTHER_TCP, LATE_TCP);
      await bench.systemctl("stop", ...sockets, "relay-three-late.socket", unit);
    });
  });

  test("without sockets the one service listens on all sources", async () => {
    await write(THREE);
    await install("--no-socket", "--name=own");
    await expectEchoes(UNIX, TCP, OTHER_TCP);
    expect(await judge("own.service")).toBeLessThanOrEqual(HOST_NETWORK);
    await bench.systemctl("stop", "own.service");
  });
});
