import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { execWord } from "../../../src/systemd/units/unit-escaping.ts";
import { describeRelay, ECHO_PATH, ECHO_PORT, NOT_CONNECTED, RELAY, UNITS } from "./support.ts";

// A service that can only listen on TCP; locking it in is left to what `units` says.
const APP = `
[Service]
ExecStart=python3 -m http.server --bind 127.0.0.1 --directory /srv/www 8080
ExecStartPost=sh -c "until curl --silent --output /dev/null http://127.0.0.1:8080; do sleep 0.02; done"
DynamicUser=yes
Restart=on-failure
`;
const APP_PORT = "127.0.0.1:8080";
const PAGE = "the page\n";

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
const ASK_FILE = "/usr/local/lib/ask.py";

const ARGV_FILE = "/usr/local/lib/argv.py";
const ARGV = `
import json, sys
print(json.dumps(sys.argv[1:]), file=open("/run/argv", "w"))
`;

const ODD = `it's 100% "odd"; $HOME \\x3a:é`;
const ODD_NAME = "odd_name-1.x\\x2d";

// What systemd 252 rates a service by. A service that opens TCP sockets in the host's network is
// rated 0.8 for that alone (0.5 for the network, 0.3 for the sockets), whatever else it does.
const GOOD = 0.6;
// One that must know its clients' users has no user namespace of its own, which costs 0.2.
const SEES_USERS = 0.7;
const HOST_NETWORK = 0.9;
const HOST_NETWORK_LOW_PORT = 1.3;

await describeRelay("the units that `units` writes", (bench) => {
  /** Writes units with the words of a command line, and runs the commands that it prints. */
  async function install(...words: readonly string[]): Promise<void> {
    const printed = await bench.machine.succeed([RELAY, "units", `--output=${UNITS}`, ...words]);
    const commands = printed.split("\n").filter((line) => line.startsWith("  "));
    await bench.machine.succeed(`set -e\n${commands.join("\n")}`);
  }

  /** Has systemd itself check units; gives how exposed it finds the service. */
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
    return bench.machine.succeed(["curl", "--silent", "--show-error", "--max-time", "10", ...curl]);
  }

  /** Waits until a unit runs as another process than before. */
  async function comesBack(unit: string, after: () => Promise<void>): Promise<void> {
    const before = await bench.machine.show(unit, "MainPID");
    await after();
    await bench.machine.reaches(unit, "MainPID", new RegExp(`^(?!(${before}|0)$)`));
    await bench.machine.reaches(unit, "ActiveState", "active");
  }

  test("there is something to relay", async () => {
    const { machine } = bench;
    await machine.write("/srv/www/page", PAGE);
    await machine.write(ASK_FILE, ASK);
    await machine.write(ARGV_FILE, ARGV);
    await machine.succeed("useradd --system --groups clients member && useradd --system stranger");
    await bench.install({ "app.service": APP });
    await bench.systemctl("start", "app.service");
    expect(await page(`http://${APP_PORT}/page`)).toBe(PAGE);
  });

  describe("with --no-socket from a locked-in service, with an odd name and path", () => {
    const path = `/run/${ODD}/socket`;
    const unit = `${ODD_NAME}.service`;
    const fetch = ["--unix-socket", path, "http://x/page"];

    test("lock the service in and reach it", async () => {
      const words = ["--service=app", "--no-socket", `--name=${ODD_NAME}`, "--mode=0660"];
      await install(...words, "--group=clients", path, APP_PORT);
      expect(await page(...fetch)).toBe(PAGE);
      const { code } = await bench.machine.run(["curl", "--silent", `http://${APP_PORT}/page`]);
      expect(code).toBe(NOT_CONNECTED);
    });

    test("satisfy systemd", async () => {
      expect(await judge(ODD_NAME, "service")).toBeLessThanOrEqual(GOOD);
      const pid = await bench.machine.show(unit, "MainPID");
      const argv = await bench.machine.succeed(["cat", `/proc/${pid}/cmdline`]);
      expect(argv.split("\0")).toEqual([
        RELAY,
        "--mode=0660",
        "--group=clients",
        "--connect-retry=20s",
        "--drain-timeout=2s",
        "--require-private-network",
        `--name=${ODD_NAME}`,
        path,
        APP_PORT,
        "",
      ]);
    });

    test("let in whom the file lets in", async () => {
      const { machine } = bench;
      expect(await machine.succeed(["stat", "--format=%G %a", path])).toBe("clients 660\n");
      const curl = ["curl", "--silent", ...fetch];
      expect(await machine.succeed(curl, { user: "member" })).toBe(PAGE);
      expect(await machine.run(curl, { user: "stranger" })).toMatchObject({ code: 7 });
    });

    test("bring the relay back with the service, even after a crash", async () => {
      const { machine } = bench;
      await comesBack(unit, () => bench.systemctl("restart", "app.service"));
      expect(await page(...fetch)).toBe(PAGE);
      await comesBack(unit, () => bench.systemctl("kill", "--signal=KILL", "app.service"));
      expect(await page(...fetch)).toBe(PAGE);
      await bench.systemctl("stop", "app.service");
      await machine.reaches(unit, "ActiveState", "inactive");
      expect(await machine.show(unit, "Result")).toBe("success");
      await bench.systemctl("start", "app.service");
      await machine.reaches(unit, "ActiveState", "active");
      expect(await page(...fetch)).toBe(PAGE);
    });

    test("start the relay again after SIGKILL", async () => {
      await comesBack(unit, () => bench.systemctl("kill", "--signal=KILL", unit));
      expect(await page(...fetch)).toBe(PAGE);
    });
  });

  describe("for a port of the host", () => {
    test("reach the locked-in service by IPv4 and IPv6, on a low port", async () => {
      await install("--service=app.service", "--name=outer", ":80", APP_PORT);
      expect(await bench.machine.show("outer.service", "ActiveState")).toBe("inactive");
      expect(await page("http://127.0.0.1/page")).toBe(PAGE);
      expect(await page("http://[::1]/page")).toBe(PAGE);
      expect(await bench.machine.show("outer.service", "ActiveState")).toBe("active");
      expect(await judge("outer", "socket", "service")).toBeLessThanOrEqual(GOOD);
    });

    test("start the service for a client", async () => {
      await bench.systemctl("stop", "app.service");
      await bench.machine.reaches("outer.service", "ActiveState", "inactive");
      expect(await page("http://127.0.0.1/page")).toBe(PAGE);
    });

    test("serve again after the service could not start", async () => {
      const { machine } = bench;
      await machine.write(`${UNITS}/app.service.d/broken.conf`, "[Service]\nExecStartPre=false\n");
      await bench.systemctl("daemon-reload");
      await bench.systemctl("stop", "app.service");
      await machine.run(["curl", "--silent", "--max-time", "10", "http://127.0.0.1/page"]);
      await machine.reaches("outer.socket", "ActiveState", "failed");
      await machine.succeed(`rm ${UNITS}/app.service.d/broken.conf && systemctl daemon-reload`);
      await bench.systemctl("reset-failed", "app.service");
      await bench.systemctl("start", "app.service");
      await machine.reaches("outer.socket", "ActiveState", "active");
      expect(await page("http://127.0.0.1/page")).toBe(PAGE);
    });
  });

  test("for a Unix socket have its file as asked", async () => {
    const { machine } = bench;
    const path = `/run/outer ${ODD}`;
    const file = ["--mode=0660", "--owner=relay", "--group=clients", "--backlog=77"];
    await install("--service=app.service", "--name=file", ...file, path, APP_PORT);
    expect(await machine.succeed(["stat", "--format=%U %G %a", path])).toBe("relay clients 660\n");
    expect(await page("--unix-socket", path, "http://x/page")).toBe(PAGE);
    expect(await machine.succeed("ss --listening --unix --no-header --oneline")).toMatch(
      /^u_str +LISTEN +0 +77 +\/run\/outer /m,
    );
    expect(await judge("file", "socket", "service")).toBeLessThanOrEqual(GOOD);
    await bench.systemctl("stop", "file.service");
    expect(await page("--unix-socket", path, "http://x/page")).toBe(PAGE);
    await bench.systemctl("stop", "file.socket", "file.service");
    await machine.succeed(["test", "!", "-e", path]);
  });

  describe("for the host", () => {
    test.each<[string, string[], string[], number]>([
      ["unix", ["--mode=0666", "/run/unix/socket", ECHO_PATH], ["/run/unix/socket"], GOOD],
      ["to-tcp", ["--mode=0666", "/run/to-tcp/s", ECHO_PORT], ["/run/to-tcp/s"], HOST_NETWORK],
      ["from-tcp", ["127.0.0.1:7001", ECHO_PATH], ["127.0.0.1", "7001"], HOST_NETWORK],
      ["tcp", ["127.0.0.1:7002", ECHO_PORT], ["127.0.0.1", "7002"], HOST_NETWORK],
      ["low", ["127.0.0.1:77", ECHO_PORT], ["127.0.0.1", "77"], HOST_NETWORK_LOW_PORT],
      [
        "owned",
        ["--user=relay", "--owner=relay", "--group=clients", "/run/owned/s", ECHO_PATH],
        ["/run/owned/s"],
        GOOD,
      ],
    ])("%s", async (name, words, address, exposure) => {
      await install("--no-socket", `--name=${name}`, ...words);
      expect(await ask(...address)).toBe("hello");
      expect(await judge(name, "service")).toBeLessThanOrEqual(exposure);
    });

    test("let in whom the relay lets in, by name", async () => {
      const { machine } = bench;
      const path = "/run/judge/socket";
      await install("--name=judge", "--mode=0666", "--allow-users=member", path, ECHO_PATH);
      const words = ["python3", ASK_FILE, path];
      expect(await machine.succeed(words, { user: "member", stdin: "hello" })).toBe("hello");
      const refused = await machine.run(words, { user: "stranger", stdin: "hello" });
      expect(refused.stdout).toBe("");
      expect(await judge("judge", "service")).toBeLessThanOrEqual(GOOD);
    });

    test("a port of systemd's to a Unix socket, with no network for the relay", async () => {
      await install("--name=port", "127.0.0.1:7003", ECHO_PATH);
      expect(await ask("127.0.0.1", "7003")).toBe("hello");
      expect(await judge("port", "socket", "service")).toBeLessThanOrEqual(GOOD);
    });
  });

  describe("reach what the hardening hides", () => {
    test.each([
      ["a folder", "/srv/a/socket"],
      ["an odd folder", `/srv/${ODD}/socket`],
      ["/tmp", "/tmp/socket"],
      ["an odd folder in /tmp", `/tmp/${ODD}/socket`],
      ["a home", "/home/relay/run/socket"],
      ["root's home", `/root/${ODD}/socket`],
      ["a user's own folder", "/run/user/1000/socket"],
    ])("%s, as SOURCE and as DESTINATION", async (_, path) => {
      const { machine } = bench;
      const folder = path.slice(0, path.lastIndexOf("/"));
      await machine.succeed(["mkdir", "--parents", folder]);
      // Who else may go there is the machine's business.
      await machine.succeed(["chmod", "1777", folder]);
      await machine.succeed("chmod a+x /root");
      const first = ["--force", "--no-socket", "--name=hidden-1", "--mode=0666"];
      await install(...first, path, ECHO_PATH);
      await install("--force", "--name=hidden-2", "--mode=0666", "/run/hidden-2/socket", path);
      expect(await ask("/run/hidden-2/socket")).toBe("hello");
      expect(await judge("hidden-1", "service")).toBeLessThanOrEqual(GOOD);
      expect(await judge("hidden-2", "service")).toBeLessThanOrEqual(GOOD);
      await bench.systemctl("stop", "hidden-1.service", "hidden-2.socket", "hidden-2.service");
      await machine.succeed(["test", "!", "-e", path]);
    });

    test("their own executable", async () => {
      const program = "/root/my programs/50% relay";
      await bench.machine.succeed(["mkdir", "/root/my programs"]);
      await bench.machine.succeed(["ln", RELAY, program]);
      const words = ["--name=homely", "--mode=0666", "/run/homely/socket", ECHO_PATH];
      await bench.machine.succeed([program, "units", `--output=${UNITS}`, ...words]);
      await bench.systemctl("daemon-reload");
      await bench.systemctl("start", "homely.socket");
      expect(await ask("/run/homely/socket")).toBe("hello");
      expect(await judge("homely", "service")).toBeLessThanOrEqual(GOOD);
    });
  });

  test("start the relay and no other code, whatever Bun's variables say", async () => {
    const { machine } = bench;
    const variables = [
      "BUN_OPTIONS=--preload=/no/such",
      "BUN_BE_BUN=1",
      "BUN_INSPECT=127.0.0.1:6499",
    ];
    await machine.succeed(["systemctl", "set-environment", ...variables]);
    await install("--name=clean", "127.0.0.1:7004", ECHO_PATH);
    expect(await ask("127.0.0.1", "7004")).toBe("hello");
    await machine.succeed("systemctl unset-environment BUN_OPTIONS BUN_BE_BUN BUN_INSPECT");
    const pid = await machine.show("clean.service", "MainPID");
    expect(await machine.succeed(["cat", `/proc/${pid}/environ`])).not.toContain("BUN_");
    expect(await machine.succeed("ss -HltnO")).not.toContain(":6499");
  });

  test("let an administrator ask, by the group of the admin socket", async () => {
    const { machine } = bench;
    const admin = ["--admin=/run/asked-admin/socket", "--admin-mode=0660", "--admin-group=clients"];
    await install("--service=app", "--name=asked", ...admin, "/run/asked/socket", APP_PORT);
    await bench.systemctl("start", "asked.service");
    const status = [RELAY, "status", "/run/asked-admin/socket"];
    expect(await machine.succeed(status, { user: "member" })).toContain(APP_PORT);
    expect((await machine.run(status, { user: "stranger" })).code).not.toBe(0);
    expect(await judge("asked", "socket", "service")).toBeLessThanOrEqual(SEES_USERS);
  });

  test("let a relay open a socket that only a group may", async () => {
    const { machine } = bench;
    await install("--name=inner", "--mode=0660", "--group=clients", "/run/inner/s", ECHO_PATH);
    const words = ["--supplementary-groups=clients", "127.0.0.1:7005", "/run/inner/s"];
    await install("--name=member-of", ...words);
    expect(await ask("127.0.0.1", "7005")).toBe("hello");
    expect(await judge("member-of", "socket", "service")).toBeLessThanOrEqual(GOOD);
    await install("--name=no-member", "127.0.0.1:7006", "/run/inner/s");
    const refused = await machine.run(["python3", ASK_FILE, "127.0.0.1", "7006"], {
      stdin: "hello",
    });
    expect(refused.stdout).toBe("");
    const said = (await bench.said("no-member.service")).map(({ message }) => message);
    expect(said.at(-1)).toContain("SupplementaryGroups=");
  });

  test("of a service's socket and of its port have names of their own", async () => {
    await install("--service=app", "/run/both/socket", APP_PORT);
    await install("--service=app", "127.0.0.1:7007", APP_PORT);
    expect(await page("--unix-socket", "/run/both/socket", "http://x/page")).toBe(PAGE);
    expect(await page("http://127.0.0.1:7007/page")).toBe(PAGE);
  });

  test("are printed, each below its name, where no folder is given", async () => {
    const words = ["--service=app.service", "--name=outer", ":80", APP_PORT];
    const printed = await bench.machine.succeed([RELAY, "units", ...words]);
    const files = ["outer.socket", "outer.service", "app.service.d/50-private-network.conf"];
    const texts = await Promise.all(
      files.map((file) => bench.machine.succeed(["cat", `${UNITS}/${file}`])),
    );
    expect(printed).toBe(files.map((file, index) => `# ${file}\n${texts[index]}`).join("\n"));
  });

  test("never take the place of others unasked", async () => {
    const { machine } = bench;
    await machine.write("/srv/units/mine.service", "mine\n");
    const units = [RELAY, "units", "--output=/srv/units", "--name=mine", "--service=app"];
    const words = [":7009", APP_PORT];
    expect(await machine.run([...units, ...words])).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "simpletcpunixrelay units: /srv/units/mine.service exists already; " +
        "--name=NAME gives this relay units of its own, --force overwrites it\n",
    });
    expect(await machine.succeed("ls -A /srv/units && cat /srv/units/*")).toBe(
      "mine.service\nmine\n",
    );
    expect(await machine.succeed([...units, "--force", ...words])).toBe(
      [
        "Wrote /srv/units/mine.socket",
        "Wrote /srv/units/mine.service",
        "Wrote /srv/units/app.service.d/50-private-network.conf",
        "Then:",
        "  install -D -m 644 -t /etc/systemd/system /srv/units/mine.socket /srv/units/mine.service",
        "  install -D -m 644 -t /etc/systemd/system/app.service.d /srv/units/app.service.d/50-private-network.conf",
        "  systemctl daemon-reload",
        "  systemctl restart app.service",
        "  systemctl try-restart mine.service mine.socket",
        "  systemctl enable --now mine.socket",
        "",
      ].join("\n"),
    );
    expect(await machine.succeed("ls -A /srv/units")).toBe(
      "app.service.d\nmine.service\nmine.socket\n",
    );
  });

  test("hand on any argument as it is", async () => {
    const nasty = fc.string({ unit: fc.constantFrom(..." \t\n\"'\\%${}:;#=@abfnrstvx0125é日") });
    const words = fc.sample(nasty, 200);
    await bench.install({
      "argv.service": `[Service]\nType=oneshot\nExecStart=python3 ${ARGV_FILE} ${words.map((word) => execWord(word)).join(" ")}\n`,
    });
    await bench.systemctl("start", "argv.service");
    const got: unknown = JSON.parse(await bench.machine.succeed("cat /run/argv"));
    expect(got).toEqual(words);
  });
});
