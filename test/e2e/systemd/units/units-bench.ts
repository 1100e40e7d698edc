import { expect, test } from "bun:test";
import { describeRelay, RELAY, UNITS, type Bench } from "../support.ts";

// A service that can only listen on TCP; locking it in is left to what `units` says.
const APP = `
[Service]
ExecStart=python3 -m http.server --bind 127.0.0.1 --directory /srv/www 8080
ExecStartPost=sh -c "until curl --silent --output /dev/null http://127.0.0.1:8080; do sleep 0.02; done"
DynamicUser=yes
Restart=on-failure
`;
export const APP_PORT = "127.0.0.1:8080";
export const PAGE = "the page\n";

// Sends its standard input to an address, host and port or a path, and prints the answer.
const ASK = `
import socket, sys
*host, last = sys.argv[1:]
wire = socket.socket(socket.AF_INET if host else socket.AF_UNIX)
wire.settimeout(10)
wire.connect((*host, int(last)) if host else last)
wire.sendall(sys.stdin.buffer.read())
wire.shutdown(socket.SHUT_WR)
while data := wire.recv(65536): sys.stdout.buffer.write(data)
`;
export const ASK_FILE = "/usr/local/lib/ask.py";

export const ODD = `it's 100% "odd"; $HOME \\x3a:é`;
export const ODD_NAME = "odd_name-1.x\\x2d";

// What systemd 252 rates a service by. A service that opens TCP sockets in the host's network is
// rated 0.8 for that alone (0.5 for the network, 0.3 for the sockets), whatever else it does.
export const GOOD = 0.6;
// One that must know its clients' users has no user namespace of its own, which costs 0.2.
export const SEES_USERS = 0.7;
export const HOST_NETWORK = 0.9;
export const HOST_NETWORK_LOW_PORT = 1.3;

/** What the tests of units share. */
export interface UnitsBench {
  readonly bench: Bench;
  /** Writes units with the words of a command line, and runs the commands that it prints. */
  install(...words: readonly string[]): Promise<void>;
  /** Has systemd itself check units; gives how exposed it finds the service. */
  judge(name: string, ...suffixes: readonly string[]): Promise<number>;
  /** What an echo service answers at an address: host and port, or a path. */
  ask(...address: readonly string[]): Promise<string>;
  /** What curl gets. */
  page(...curl: readonly string[]): Promise<string>;
}

/** A `describe` with a machine in which there is something to relay. */
export function describeUnits(title: string, body: (bench: UnitsBench) => void): Promise<void> {
  return describeRelay(title, (bench) => {
    async function install(...words: readonly string[]): Promise<void> {
      const printed = await bench.machine.succeed([RELAY, "units", `--output=${UNITS}`, ...words]);
      const commands = printed.split("\n").filter((line) => line.startsWith("  "));
      await bench.machine.succeed(`set -e\n${commands.join("\n")}`);
    }

    async function judge(name: string, ...suffixes: readonly string[]): Promise<number> {
      const files = suffixes.map((suffix) => `${UNITS}/${name}.${suffix}`);
      const verified = await bench.machine.run(["systemd-analyze", "verify", "--man=no", ...files]);
      expect(verified).toEqual({ code: 0, stdout: "", stderr: "" });
      const security = ["systemd-analyze", "security", "--no-pager", `${name}.service`];
      const table = await bench.machine.succeed(security);
      const [, figure] = /Overall exposure level for .*: ([\d.]+) /.exec(table) ?? [];
      return Number(figure);
    }

    function ask(...address: readonly string[]): Promise<string> {
      return bench.machine.succeed(["python3", ASK_FILE, ...address], { stdin: "hello" });
    }

    function page(...curl: readonly string[]): Promise<string> {
      return bench.machine.succeed([
        "curl",
        "--silent",
        "--show-error",
        "--max-time",
        "10",
        ...curl,
      ]);
    }

    test("there is something to relay", async () => {
      const { machine } = bench;
      await machine.write("/srv/www/page", PAGE);
      await machine.write(ASK_FILE, ASK);
      await machine.succeed(
        "useradd --system --groups clients member && useradd --system stranger",
      );
      await bench.install({ "app.service": APP });
      await bench.systemctl("start", "app.service");
      expect(await page(`http://${APP_PORT}/page`)).toBe(PAGE);
    });

    body({ bench, install, judge, ask, page });
  });
}
