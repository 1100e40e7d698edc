import { describe, expect, test } from "bun:test";
import { type Bench, describeRelay, ECHO_PATH, RELAY, UNITS } from "./support.ts";

const TRIGGERS_MOST = 7;

await describeRelay("a relay that cannot start", (bench) => {
  describe("and never will: a wrong option", () => {
    test("in a unit with a socket: the socket fails, and its clients know", async () => {
      await install(bench, "typo", []);
      await bench.machine.succeed(
        `sed -i 's/--connect-retry/--conect-retry/' ${UNITS}/typo.service`,
      );
      await bench.systemctl("daemon-reload");
      await bench.systemctl("start", "typo.socket");
      expect(await clientOf(bench, "typo")).toContain("ConnectionResetError");
      await bench.machine.reaches("typo.socket", "Result", "trigger-limit-hit");
      await failed(bench, "typo.service", "64");
      const lines = (await bench.said("typo.service")).filter(({ message }) =>
        message.includes("--connect-retry"),
      );
      expect(lines.length).toBeLessThanOrEqual(TRIGGERS_MOST);
    });

    test("in one without: it fails at once", async () => {
      await install(bench, "typo-alone", ["--no-socket"]);
      const unit = `${UNITS}/typo-alone.service`;
      await bench.machine.succeed(`sed -i 's/--connect-retry/--conect-retry/' ${unit}`);
      await bench.systemctl("daemon-reload");
      expect((await bench.machine.run("systemctl start typo-alone.service")).code).not.toBe(0);
      await failed(bench, "typo-alone.service", "64");
    });
  });

  describe("now: it is tried once a second, and its socket stays", () => {
    test("until it can", async () => {
      const { machine } = bench;
      await install(bench, "later", []);
      // Exits with 1 as long as a file is missing.
      await machine.write(
        `${UNITS}/later.service.d/later.conf`,
        "[Service]\nExecStartPre=test -e /run/now\n",
      );
      await bench.systemctl("daemon-reload");
      await bench.systemctl("start", "later.socket");
      const client = bench.clients("burst.py", "/run/later/socket", 1);
      // More often than a start that fails for good.
      const more = new RegExp(`^(${TRIGGERS_MOST + 1}|${TRIGGERS_MOST + 2})$`);
      await machine.reaches("later.service", "NRestarts", more, 30_000);
      expect(await machine.show("later.socket", "ActiveState")).toBe("active");
      await machine.succeed("touch /run/now");
      expect(await client).toEqual({ served: 1, lost: {} });
    }, 60_000);
  });

  describe("because memory may not be both written and executed", () => {
    test("in a unit with a socket: names the setting, and stops", async () => {
      await install(bench, "strict", []);
      await strict(bench, "strict");
      await bench.systemctl("start", "strict.socket");
      expect(await clientOf(bench, "strict")).toContain("ConnectionResetError");
      await bench.machine.reaches("strict.socket", "Result", "trigger-limit-hit");
      await failed(bench, "strict.service", "78");
      await saysWhatToRemove(bench, "strict.service");
    });

    test("in one without: names the setting, and stops", async () => {
      await install(bench, "strict-alone", ["--no-socket"]);
      await strict(bench, "strict-alone");
      expect((await bench.machine.run("systemctl start strict-alone.service")).code).not.toBe(0);
      await failed(bench, "strict-alone.service", "78");
      await saysWhatToRemove(bench, "strict-alone.service");
    });

    test("or works, where helpers may notify", async () => {
      await strict(bench, "strict-alone", "NotifyAccess=all");
      await bench.systemctl("start", "strict-alone.service");
      expect(await bench.clients("burst.py", "/run/strict-alone/socket", 10)).toEqual({
        served: 10,
        lost: {},
      });
    });
  });
});

function install(bench: Bench, name: string, options: readonly string[]): Promise<string> {
  const words = [`--name=${name}`, "--mode=0666", ...options, `/run/${name}/socket`, ECHO_PATH];
  return bench.machine.succeed([RELAY, "units", `--output=${UNITS}`, ...words]);
}

async function strict(bench: Bench, name: string, more = ""): Promise<void> {
  await bench.machine.write(
    `${UNITS}/${name}.service.d/strict.conf`,
    `[Service]\nMemoryDenyWriteExecute=yes\n${more}\n`,
  );
  await bench.machine.succeed(`systemctl daemon-reload && systemctl reset-failed`);
}

/** Why the one client of a relay was not served. */
async function clientOf(bench: Bench, name: string): Promise<string> {
  const { lost } = await bench.clients("burst.py", `/run/${name}/socket`, 1);
  return Object.keys(lost).join();
}

/** Failed with that status, and is not started again. */
async function failed(bench: Bench, service: string, status: string): Promise<void> {
  await bench.machine.reaches(service, "ActiveState", "failed");
  expect(await bench.machine.show(service, "ExecMainStatus")).toBe(status);
  expect(await bench.machine.show(service, "NRestarts")).toBe("0");
}

async function saysWhatToRemove(bench: Bench, service: string): Promise<void> {
  const said = (await bench.said(service)).map(({ message }) => message);
  expect(new Set(said).size).toBe(1);
  expect(said[0]).toContain("remove MemoryDenyWriteExecute=yes");
  // A relay whose socket systemd passes needs more than that.
  expect(said[0]).toContain("in a unit without a .socket, NotifyAccess=all is enough");
}
