import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ENVIRONMENT } from "../../support/machine/container.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { nextVersion } from "../../support/packaging/next-version.ts";
import { RELEASE_NEEDS, releaseFolder } from "../../support/packaging/release.ts";
import { RELEASE_MS, VERSION } from "../../support/packaging/tree-copy.ts";
import { runProgram } from "../../support/process/program.ts";
import { blockWith } from "../../support/readme.ts";
import { describeMachine, ECHO_PATH, ECHO_PORT, tallyOf } from "../systemd/support.ts";

// The README's commands are run where a person has put the files of a release.
const DOWNLOADS = "/root/downloads";
const CHECK = blockWith("sha256sum ");
const INSTALL = blockWith("apt install ");
const UNPACK = blockWith("tar ");

const PROGRAM = "/usr/bin/simpletcpunixrelay";
const UNIT = "simpletcpunixrelay@web.service";
const SOCKET_FILE = "/run/simpletcpunixrelay/web/socket";
// A port that needs a capability.
const PORT = "127.0.0.1:80";
const CLIENTS = 20;
const HELD = 10;

const FILE = `
[relay.web]
source = "${SOCKET_FILE}"
destination = "${ECHO_PORT}"
mode = "0666"
allow-users = ["root"]

[relay.port]
source = "${PORT}"
destination = "${ECHO_PATH}"
`;

/** The files of a machine, but for logs, caches, the clients, and what systemd shows. */
const LIST_FILES = [
  ...["find", "/etc", "/usr", "/var", "/run", "/opt", "/srv", "("],
  ...["-path", "/var/log", "-o", "-path", "/var/cache", "-o", "-path", "/run/systemd"],
  ...["-o", "-path", "/run/log", "-o", "-path", "/var/lib/apt", "-o", "-path", "/var/lib/dpkg"],
  ...["-o", "-path", "/usr/local/lib/clients", ")", "-prune", "-o", "-print"],
];

await describeNeeding("lintian", [...RELEASE_NEEDS, program("lintian")], () => {
  setDefaultTimeout(RELEASE_MS);

  test.each(["amd64", "arm64"])("finds nothing wrong with %s", async (architecture) => {
    const deb = join(await releaseFolder(), `simpletcpunixrelay_${VERSION}_${architecture}.deb`);
    const words = ["lintian", "--allow-root", "--no-cfg", "--tag-display-limit=0", deb];
    const { code, stdout } = await runProgram(words, { env: ENVIRONMENT, patience: 200_000 });
    expect(stdout).toBe("");
    expect(code).toBe(0);
  });
});

await describeMachine("the Debian package on a booted Debian", (bench) => {
  setDefaultTimeout(RELEASE_MS);
  let scratch = "";
  let filesBefore: readonly string[] = [];

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "debian-test-"));
    const folder = await releaseFolder();
    const deb = `simpletcpunixrelay_${VERSION}_amd64.deb`;
    for (const file of [deb, `simpletcpunixrelay-${VERSION}-linux-x64.tar.gz`, "SHA256SUMS"])
      await bench.machine.copyIn(join(folder, file), join(DOWNLOADS, file));
    const next = await nextVersion(join(folder, deb), scratch);
    await bench.machine.copyIn(next, join("/root", basename(next)));
  }, RELEASE_MS);
  afterAll(() => rmSync(scratch, { recursive: true }));

  async function files(): Promise<readonly string[]> {
    return (await bench.machine.succeed(LIST_FILES)).split("\n").sort();
  }

  /** Runs commands of the README, word for word, beside the files of a release. */
  function follow(...commands: readonly string[]): Promise<string> {
    const script = [`cd ${DOWNLOADS}`, ...commands].join("\n");
    return bench.machine.succeed(["bash", "-ec", script], { patience: 200_000 });
  }

  function apt(...words: readonly string[]): Promise<string> {
    return bench.machine.succeed(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...words]);
  }

  function mainPid(): Promise<string> {
    return bench.machine.show(UNIT, "MainPID");
  }

  function untilSuccessor(before: string): Promise<string> {
    return bench.machine.reaches(UNIT, "MainPID", new RegExp(`^(?!(${before}|0)$)`));
  }

  test("the README's commands install the archive", async () => {
    await follow(CHECK, UNPACK);
    expect(await bench.machine.succeed("simpletcpunixrelay --version")).toContain(VERSION);
    const places = ["bin", "share/man", "share/bash-completion", "share/zsh", "share/fish"];
    const words = ["find", ...places.map((place) => `/usr/local/${place}`), "-name", "*relay*"];
    expect((await bench.machine.succeed(words)).trim().split("\n")).toHaveLength(6);
    await bench.machine.succeed("rm /usr/local/bin/simpletcpunixrelay");
  });

  test("the README's commands install the package and start its example", async () => {
    await bench.machine.succeed("useradd --system --gid www-data member");
    await bench.machine.succeed("systemd-run --quiet python3 -m http.server --bind 127.0.0.1 8000");
    filesBefore = await files();
    await follow(CHECK, INSTALL);
    const fetch = `curl --silent --unix-socket ${SOCKET_FILE} http://x/`;
    const patient = `${fetch} --retry 9 --retry-all-errors`;
    expect(await bench.machine.succeed(patient, { user: "member" })).toContain("<html");
    expect((await bench.machine.run(fetch)).stdout).toBe("");
  });

  test("another file, and a reload: its relays serve", async () => {
    await bench.machine.write("/etc/simpletcpunixrelay/web.toml", FILE);
    const before = await mainPid();
    await bench.systemctl("reload", UNIT);
    await untilSuccessor(before);
    for (const source of [SOCKET_FILE, PORT])
      expect(await bench.clients("burst.py", source, CLIENTS)).toEqual({
        served: CLIENTS,
        lost: {},
      });
  });

  test("the sandbox is as closed as a file of any kind allows", async () => {
    const words = ["systemd-analyze", "security", "--threshold=15", "--no-pager", UNIT];
    const { code, stdout } = await bench.machine.run(words);
    expect(stdout).toContain("Overall exposure level");
    expect(code).toBe(0);
  });

  test("an upgrade under load hands over: no client notices", async () => {
    const before = await mainPid();
    const held = await bench.startClients("hold.py", PORT, HELD);
    const loads = await Promise.all(
      [SOCKET_FILE, PORT].map((source) => bench.startClients("reconnect.py", source, CLIENTS)),
    );
    await apt("install", "--yes", "/root/next.deb");
    await untilSuccessor(before);
    for (const load of loads) {
      await load.say("as many again");
      expect(await load.line()).toBe("ready");
    }
    await held.say("once more");
    expect(await held.line()).toBe(`{"served": ${HELD}, "lost": {}}`);
    for (const load of loads) expect(tallyOf(await load.finish()).lost).toEqual({});
    await held.finish();
    // The new process runs the file that was installed, and not the one that it replaced.
    const running = await bench.machine.succeed(["readlink", `/proc/${await mainPid()}/exe`]);
    expect(running.trim()).toBe(PROGRAM);
    expect(await bench.machine.show(UNIT, "NRestarts")).toBe("0");
  });

  test("a socket unit keeps its clients while the service restarts", async () => {
    const source = "/run/simpletcpunixrelay/passed.socket";
    const file = `[relay.passed]\nsource = "${source}"\ndestination = "${ECHO_PORT}"\n`;
    await bench.machine.write("/etc/simpletcpunixrelay/passed.toml", file);
    await bench.systemctl("enable", "--now", "simpletcpunixrelay@passed.socket");
    const load = await bench.startClients("reconnect.py", source, CLIENTS);
    await bench.systemctl("restart", "simpletcpunixrelay@passed.service");
    await load.say("as many again");
    expect(await load.line()).toBe("ready");
    expect(tallyOf(await load.finish()).lost).toEqual({});
  });

  test("a removal stops all instances and keeps the configuration", async () => {
    await apt("remove", "--yes", "simpletcpunixrelay");
    const running = await bench.machine.run(["pgrep", "--full", `^${PROGRAM}`]);
    expect(running.stdout).toBe("");
    const kept = await bench.machine.succeed(["ls", "/etc/simpletcpunixrelay"]);
    expect(kept).toBe("passed.toml\nweb.toml\n");
    const failed = await bench.machine.succeed(["systemctl", "list-units", "--failed", "--plain"]);
    expect(failed).not.toContain("simpletcpunixrelay");
  });

  test("a purge leaves nothing", async () => {
    await apt("purge", "--yes", "simpletcpunixrelay");
    const before = new Set(filesBefore);
    expect((await files()).filter((file) => !before.has(file))).toEqual([]);
    const units = ["systemctl", "list-units", "--all", "--plain", "simpletcpunixrelay*"];
    expect(await bench.machine.succeed(units)).toContain("0 loaded units listed");
  });
});
