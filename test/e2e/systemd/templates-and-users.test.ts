import { expect, test } from "bun:test";
import type { MachineRunOptions } from "../../support/machine/machine.ts";
import { type Bench, describeRelay, ECHO_PATH, RELAY, UNITS } from "./support.ts";

const PORT = "127.0.0.1:9000";
const GOOD = 0.6;
// systemd-analyze takes a unit without User= for root's, which costs 0.4, and a user's manager
// cannot deny IP addresses.
const USERS_GOOD = 1.0;

const APP = `
[Service]
ExecStart=sh -c 'mkdir -p /run/www-%i && echo page of %i > /run/www-%i/page; exec python3 -m http.server --bind 127.0.0.1 --directory /run/www-%i 9000'
`;

await describeRelay("a template", (bench) => {
  const { fetchPage, exposureOf } = helpers(bench);

  test("has instances that are locked in, each beside its own service", async () => {
    await bench.install({ "app@.service": APP });
    const address = ["/run/relay-%i/socket", PORT];
    const words = ["--name=beside@", "--service=app@%i", "--mode=0666", ...address];
    await run(bench, words, "one");
    await run(bench, words, "two");
    for (const name of ["one", "two"]) {
      expect(await fetchPage(`/run/relay-${name}/socket`)).toBe(`page of ${name}\n`);
      expect(await exposureOf(`beside@${name}.service`)).toBeLessThanOrEqual(GOOD);
    }
  });

  test("can have its instances' names as ports", async () => {
    await run(bench, ["--name=port@", "127.0.0.1:%i", "/run/relay-one/socket"], "7101");
    await run(bench, ["--name=port@", "127.0.0.1:%i", "/run/relay-one/socket"], "7102");
    for (const port of ["7101", "7102"]) {
      const page = await bench.machine.succeed(`curl --silent http://127.0.0.1:${port}/page`);
      expect(page).toBe("page of one\n");
    }
  });

  test("can have relays that listen by themselves", async () => {
    const words = ["--name=own@", "--no-socket", "--mode=0666", "/run/own-%i/socket", ECHO_PATH];
    await run(bench, words, "x");
    expect(await bench.clients("burst.py", "/run/own-x/socket", 5)).toEqual({
      served: 5,
      lost: {},
    });
    expect(await exposureOf("own@x.service")).toBeLessThanOrEqual(GOOD);
  });
});

// A manager as `user@.service` starts it, without what that takes of PAM.
const USERS_MANAGER = `
[Service]
Type=notify
User=member
Delegate=yes
RuntimeDirectory=user/1234
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=/run/user/1234
ExecStart=/lib/systemd/systemd --user
`;

await describeRelay("units for a user's manager", (bench) => {
  const home = "/home/member";
  const units = `${home}/.config/systemd/user`;
  const asMember = (command: string) =>
    bench.machine.succeed(
      ["env", "XDG_RUNTIME_DIR=/run/user/1234", `HOME=${home}`, "sh", "-ec", command],
      { user: "member" } satisfies MachineRunOptions,
    );

  async function install(...words: readonly string[]): Promise<void> {
    const shown = words.map((word) => `'${word}'`).join(" ");
    const printed = await asMember(`${RELAY} units --user-unit --output=${units} ${shown}`);
    const commands = printed.split("\n").filter((line) => line.startsWith("  "));
    expect(commands.length).toBeGreaterThan(1);
    for (const command of commands) expect(command).toStartWith("  systemctl --user ");
    await asMember(commands.join("\n"));
  }

  test("there is such a manager", async () => {
    await bench.machine.succeed("useradd --uid 1234 --create-home member");
    // Any service with a mount namespace makes the folder that a user's manager cannot make.
    await bench.machine.succeed("systemd-run --quiet --wait --property=PrivateTmp=yes true");
    await bench.install({ "members.service": USERS_MANAGER });
    await bench.systemctl("start", "members.service");
    await asMember(`mkdir -p ${units}; systemctl --user is-system-running --wait`);
  });

  test.each<[string, string[], string]>([
    ["with a socket", ["%t/sockets/one", ECHO_PATH], "/run/user/1234/sockets/one"],
    ["without one", ["--no-socket", "%t/two/socket", ECHO_PATH], "/run/user/1234/two/socket"],
    [
      "to a socket of the user's own",
      ["--name=three", "%t/sockets/three", "/run/user/1234/two/socket"],
      "/run/user/1234/sockets/three",
    ],
    [
      "in the user's home",
      ["--name=four", "--no-socket", `${home}/four`, "%t/sockets/one"],
      `${home}/four`,
    ],
    [
      "that sees its clients' users",
      ["--name=five", "--access-log", "%t/5", ECHO_PATH],
      "/run/user/1234/5",
    ],
  ])("serve a relay %s", async (_, words, path) => {
    await install("--mode=0666", ...words);
    await bench.machine.succeed("chmod a+x /run/user/1234 /home/member");
    expect(await bench.clients("burst.py", path, 5)).toEqual({ served: 5, lost: {} });
  });

  test.each([
    ["three", "/run/user/1234/sockets/three"],
    ["four", `${home}/four`],
  ])("hand over at a reload, and nobody notices: %s", async (name, path) => {
    const unit = `${name}.service`;
    const show = async (property: string) =>
      (await asMember(`systemctl --user show --value --property=${property} ${unit}`)).trim();
    const held = await bench.startClients("hold.py", path, 3);
    const before = await show("MainPID");
    await asMember(`systemctl --user reload ${unit}`);
    const pid = `$(systemctl --user show --value --property=MainPID ${unit})`;
    const moved = `until test "${pid}" != ${before}; do sleep 0.1; done`;
    await asMember(`timeout 30 sh -c '${moved}'`);
    expect(await bench.clients("burst.py", path, 5)).toEqual({ served: 5, lost: {} });
    await held.say("once more");
    expect(await held.line()).toBe('{"served": 3, "lost": {}}');
    expect(await held.finish()).toMatchObject({ code: 0 });
    expect([await show("ActiveState"), await show("NRestarts")]).toEqual(["active", "0"]);
  });

  test("start again with the user's session", async () => {
    expect(await asMember(`ls ${units}/*.wants`)).toContain("default.target.wants");
    await bench.systemctl("restart", "members.service");
    await bench.machine.succeed("chmod a+x /run/user/1234");
    for (const path of ["/run/user/1234/sockets/one", "/run/user/1234/two/socket"]) {
      // The user's manager starts its units in the background.
      await bench.machine.succeed(`timeout 30 sh -c 'until test -S ${path}; do sleep 0.1; done'`);
      expect(await bench.clients("burst.py", path, 5)).toEqual({ served: 5, lost: {} });
    }
  });

  test("lock the relay in", async () => {
    const judge = "systemd-analyze --user security --no-pager relay-sockets-one.service";
    const [, figure] = /Overall exposure level for .*: ([\d.]+) /.exec(await asMember(judge)) ?? [];
    expect(Number(figure)).toBeLessThanOrEqual(USERS_GOOD);
  });
});

function helpers(bench: Bench) {
  return {
    fetchPage: (path: string) =>
      bench.machine.succeed(`curl --silent --max-time 30 --unix-socket ${path} http://x/page`),
    async exposureOf(unit: string): Promise<number> {
      const table = await bench.machine.succeed(`systemd-analyze security --no-pager ${unit}`);
      return Number(/Overall exposure level for .*: ([\d.]+) /.exec(table)?.[1]);
    },
  };
}

/** Writes a template's units and runs the commands that come next, for one instance. */
async function run(bench: Bench, words: readonly string[], instance: string): Promise<void> {
  const printed = await bench.machine.succeed([RELAY, "units", `--output=${UNITS}`, ...words]);
  const commands = printed.split("\n").filter((line) => line.startsWith("  "));
  await bench.machine.succeed(`set -e\n${commands.join("\n").replaceAll("INSTANCE", instance)}`);
}
