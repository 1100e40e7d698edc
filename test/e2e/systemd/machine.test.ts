import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { bootMachine } from "../../support/machine/machine.ts";
import { type Bench, clientWords, describeMachine } from "./support.ts";

// The rig itself, with nothing of the project in it: what the other tests build on.
await describeMachine("the machine", (bench) => {
  test("runs a command and tells how it ended", async () => {
    expect(await bench.machine.run("cat; echo words >&2; exit 3", { stdin: "given" })).toEqual({
      code: 3,
      stdout: "given",
      stderr: "words\n",
    });
    await expect(bench.machine.succeed(["sh", "-c", "echo why >&2; exit 1"])).rejects.toThrow(
      "why",
    );
  });

  test("runs it as another user where asked", async () => {
    expect(await bench.machine.succeed(["id", "-un"])).toBe("root\n");
    expect(await bench.machine.succeed(["id", "-un"], { user: "nobody" })).toBe("nobody\n");
  });

  test("takes files, also by way of an absolute link", async () => {
    await bench.machine.write("/var/run/rig/file", "words\n", 0o640);
    const look = "stat --format=%a /run/rig/file && cat /run/rig/file";
    expect(await bench.machine.succeed(look)).toBe("640\nwords\n");
    await bench.machine.copyIn(import.meta.path, "/run/rig/copy");
    expect(await bench.machine.succeed("cat /run/rig/copy")).toBe(
      await Bun.file(import.meta.path).text(),
    );
    expect(existsSync("/run/rig")).toBe(false);
  });

  test("has processes and a network of its own", async () => {
    expect(await bench.machine.succeed("cat /proc/1/comm")).toBe("systemd\n");
    const links = await bench.machine.succeed("ip -oneline link");
    expect(links.trimEnd().split("\n")).toHaveLength(1);
    expect(links).toContain("lo:");
  });

  test("gives the journal with priorities, bytes and all", async () => {
    await bench.install({
      "speaker.service": String.raw`
[Service]
Type=oneshot
ExecStart=printf '<3>bad\n<6>\033[31mred\nplain\n'
`,
    });
    await bench.systemctl("start", "speaker.service");
    const said = await bench.said("speaker.service");
    expect(said.map(({ priority, message }) => [priority, message])).toEqual([
      [3, "bad"],
      [6, "\x1b[31mred"],
      [6, "plain"],
    ]);
  });

  test("has systemd's judges of units", async () => {
    await bench.install({ "wrong.service": "[Service]\nExecStart=/bin/true\nNoSuchThing=yes\n" });
    const path = "/etc/systemd/system/wrong.service";
    const verified = await bench.machine.run(["systemd-analyze", "verify", "--man=no", path]);
    expect(verified.stderr).toContain("NoSuchThing");
    const judged = await bench.machine.succeed(["systemd-analyze", "security", "wrong.service"]);
    expect(judged).toMatch(/Overall exposure level for wrong.service: \d/);
  });

  test("tells of a property once it is as wanted, or that it never was", async () => {
    await bench.install({ "brief.service": "[Service]\nExecStart=sleep infinity\n" });
    await bench.systemctl("start", "brief.service");
    expect(await bench.machine.show("brief.service", "ActiveState")).toBe("active");
    expect(await bench.starts("brief.service")).toBe(1);
    await bench.systemctl("stop", "--no-block", "brief.service");
    expect(await bench.machine.reaches("brief.service", "ActiveState", "inactive")).toBe(
      "inactive",
    );
    await expect(
      bench.machine.reaches("brief.service", "ActiveState", "active", 100),
    ).rejects.toThrow('is "inactive"');
  });

  test("is apart from another at the same time", async () => {
    const unit = { "twin.service": "[Service]\nExecStart=sleep infinity\n" };
    await bench.install(unit);
    await bench.systemctl("start", "twin.service");
    const pid = await bench.machine.show("twin.service", "MainPID");
    {
      await using other = await bootMachine();
      expect((await other.run("systemctl cat twin.service")).code).not.toBe(0);
      await other.write("/etc/systemd/system/twin.service", unit["twin.service"]);
      await other.succeed("systemctl daemon-reload && systemctl start twin.service");
      await other.succeed("systemctl kill --signal=KILL twin.service");
      await other.reaches("twin.service", "ActiveState", "failed");
    }
    expect(await bench.machine.show("twin.service", "ActiveState")).toBe("active");
    expect(await bench.machine.show("twin.service", "MainPID")).toBe(pid);
  });

  test("takes everything in it along when it ends", async () => {
    const machine = await bootMachine();
    const program = machine.start("echo up; sleep infinity");
    expect(await program.line()).toBe("up");
    await machine[Symbol.asyncDispose]();
    expect((await program.finish()).code).not.toBe(0);
    expect((await machine.run("true")).code).not.toBe(0);
  });

  test("lets units share a private network, and nobody else", async () => {
    await bench.install({
      "locked.service": `
[Service]
Type=notify
ExecStart=python3 /usr/local/lib/clients/echo.py 127.0.0.1:7777
PrivateNetwork=yes
`,
      "proxy.socket": "[Socket]\nListenStream=127.0.0.1:7778\n",
      "proxy.service": `
[Unit]
Requires=locked.service
After=locked.service
JoinsNamespaceOf=locked.service

[Service]
ExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:7777
PrivateNetwork=yes
`,
    });
    await bench.systemctl("start", "proxy.socket");
    expect(await bench.clients("burst.py", "127.0.0.1:7778", 20)).toEqual({ served: 20, lost: {} });
    const beside = await bench.clients("burst.py", "127.0.0.1:7777", 1);
    expect(beside.lost).toEqual({ "ConnectionRefusedError: [Errno 111] Connection refused": 1 });
  });

  describe("clients notice", () => {
    test("that nobody listens", async () => {
      const tally = await bench.clients("burst.py", "/run/nobody/socket", 3);
      expect(tally).toEqual({
        served: 0,
        lost: { "FileNotFoundError: [Errno 2] No such file or directory": 3 },
      });
    });

    test("an answer that ends early", async () => {
      await offer(bench, "127.0.0.1:7001", "sh -c 'head -c 1000 | tail -c 10'");
      expect(await bench.clients("burst.py", "127.0.0.1:7001", 3)).toEqual({
        served: 0,
        lost: { "EOFError: end after 10 of 1000 bytes": 3 },
      });
    });

    test("other bytes than they sent", async () => {
      await offer(bench, "127.0.0.1:7002", "stdbuf -o0 tr a-m n-z");
      expect(await bench.clients("burst.py", "127.0.0.1:7002", 3)).toEqual({
        served: 0,
        lost: { "ValueError: other bytes came back": 3 },
      });
      const flow = bench.machine.start(clientWords("bulk.py", ["127.0.0.1:7002", 1]));
      const { code, stderr } = await flow.finish();
      expect(code).not.toBe(0);
      expect(stderr).toContain("a wrong byte");
    });

    test("bytes that go on after the end", async () => {
      await offer(bench, "127.0.0.1:7003", "sh -c 'cat; echo more'");
      const { lost } = await bench.clients("burst.py", "127.0.0.1:7003", 1);
      expect(lost).toEqual({ "ValueError: more bytes came back than were sent": 1 });
    });

    test("a service that goes while they hold connections, or come back", async () => {
      const held = await bench.startClients("hold.py", "127.0.0.1:7000", 2);
      const back = await bench.startClients("reconnect.py", "127.0.0.1:7000", 5);
      const flow = await bench.startClients("bulk.py", "127.0.0.1:7000", 1);
      await bench.systemctl("kill", "--signal=KILL", "echo.service");
      expect((await held.finish()).stdout).toStartWith('{"served": 0');
      expect((await back.finish()).stdout).toContain("ConnectionRefusedError");
      expect((await flow.finish()).code).not.toBe(0);
      await bench.systemctl("start", "echo.service");
    });

    test("nothing where there is nothing", async () => {
      const held = await bench.startClients("hold.py", "/run/echo/socket", 2);
      const back = await bench.startClients("reconnect.py", "/run/echo/socket", 5);
      const flow = await bench.startClients("bulk.py", "/run/echo/socket", 2);
      const none = /^\{"served": \d+, "lost": \{\}\}$/;
      expect((await back.finish()).stdout).toMatch(none);
      expect((await held.finish()).stdout).toBe('{"served": 2, "lost": {}}');
      const { code, stdout } = await flow.finish();
      expect(code).toBe(0);
      expect(Number(stdout)).toBeGreaterThan(0);
      expect(await bench.clients("knock.py", "/run/echo/socket", 2, 50)).toEqual({
        served: 12,
        lost: {},
      });
    });
  });
});

// A service of which each connection is a process: inetd's way, which systemd has as Accept=yes.
async function offer(bench: Bench, address: string, command: string): Promise<void> {
  const name = `on-${address}`;
  await bench.install({
    [`${name}.socket`]: `[Socket]\nListenStream=${address}\nAccept=yes\n`,
    [`${name}@.service`]: `[Service]\nExecStart=${command}\nStandardInput=socket\nStandardError=journal\n`,
  });
  await bench.systemctl("start", `${name}.socket`);
}
