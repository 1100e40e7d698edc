import { expect, test } from "bun:test";
import { describeRelay, ECHO_PATH, RELAY } from "./support.ts";

// syslog(3)
const ERROR = 3;
const WARNING = 4;
const INFORMATION = 6;

function unit(args: string): string {
  return `[Service]\nType=notify\nExecStart=${RELAY} ${args}\nUser=relay\n`;
}

await describeRelay("the journal", (bench) => {
  test("has each line with its priority, without time and colour", async () => {
    await bench.install({ "said.service": unit("0.0.0.0:9000 /run/nobody/socket") });
    await bench.systemctl("start", "said.service");
    await bench.clients("burst.py", "127.0.0.1:9000", 1);
    await bench.systemctl("stop", "said.service");

    const entries = await bench.said("said.service");
    const about = (pattern: RegExp) => entries.filter((entry) => pattern.test(entry.message));
    expect(about(/listening/).map((entry) => entry.priority)).toEqual([INFORMATION]);
    expect(about(/loopback/).map((entry) => entry.priority)).toEqual([WARNING]);
    const [failure] = about(/\/run\/nobody\/socket.*(ENOENT|No such file)/i);
    expect(failure?.priority).toBeOneOf([ERROR, WARNING]);
    for (const { message } of entries) {
      expect(message).not.toMatch(/^<\d>/);
      expect(message).not.toContain("\x1b");
      expect(message).not.toMatch(/\d\d:\d\d:\d\d/);
    }
  });

  test("has fields as fields, by which lines are found", async () => {
    await bench.install({
      "fields.service": unit(`--access-log --log-level=debug 0.0.0.0:9002 ${ECHO_PATH}`),
    });
    await bench.systemctl("start", "fields.service");
    await bench.clients("burst.py", "127.0.0.1:9002", 3);
    await bench.systemctl("stop", "fields.service");
    const show =
      "journalctl --sync && journalctl --output=json --unit=fields.service RELAY_EVENT=access";
    const { stdout } = await bench.machine.run(show);
    const entries = stdout
      .trim()
      .split("\n")
      .map((line): Record<string, string> => JSON.parse(line));
    expect(entries).toHaveLength(3);
    for (const entry of entries)
      expect(entry).toMatchObject({
        SYSLOG_IDENTIFIER: "simpletcpunixrelay",
        PRIORITY: String(INFORMATION),
        _SYSTEMD_UNIT: "fields.service",
        _TRANSPORT: "journal",
        RELAY_CLIENT: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        RELAY_DESTINATION: ECHO_PATH,
        RELAY_ENDING: "finished",
        RELAY_BYTES_UP: expect.stringMatching(/^[1-9]\d*$/),
        RELAY_DURATION_MS: expect.stringMatching(/^\d+$/),
      });
  });

  test("has the reason of a start that failed as an error", async () => {
    await bench.install({ "failed.service": unit(`/run/absent/socket ${ECHO_PATH}`) });
    const { code } = await bench.machine.run("systemctl start failed.service");
    expect(code).not.toBe(0);
    const entries = await bench.said("failed.service");
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ priority: ERROR });
    expect(entries[0]?.message).toContain("/run/absent/socket");
  });

  test("has a wrong command line as an error too", async () => {
    await bench.install({ "wrong.service": unit(`--mod=0660 /run/x/socket ${ECHO_PATH}`) });
    const { code } = await bench.machine.run("systemctl start wrong.service");
    expect(code).not.toBe(0);
    const usage = "64";
    expect(await bench.machine.show("wrong.service", "ExecMainStatus")).toBe(usage);
    const entries = await bench.said("wrong.service");
    expect(entries[0]).toMatchObject({ priority: ERROR });
    expect(entries[0]?.message).toContain("--mod");
  });
});
