import { describe, expect, test } from "bun:test";
import { NOT_CONNECTED, RELAY, UNITS } from "../support.ts";
import { describeUnits, APP_PORT, PAGE, ODD, ODD_NAME, GOOD, SEES_USERS } from "./units-bench.ts";

await describeUnits("the units of a locked-in service", ({ bench, install, judge, page }) => {
  /** Waits until a unit runs as another process than before. */
  async function comesBack(unit: string, after: () => Promise<void>): Promise<void> {
    const before = await bench.machine.show(unit, "MainPID");
    await after();
    await bench.machine.reaches(unit, "MainPID", new RegExp(`^(?!(${before}|0)$)`));
    await bench.machine.reaches(unit, "ActiveState", "active");
  }

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

  test("of a service's socket and of its port have names of their own", async () => {
    await install("--service=app", "/run/both/socket", APP_PORT);
    await install("--service=app", "127.0.0.1:7007", APP_PORT);
    expect(await page("--unix-socket", "/run/both/socket", "http://x/page")).toBe(PAGE);
    expect(await page("http://127.0.0.1:7007/page")).toBe(PAGE);
  });
});
