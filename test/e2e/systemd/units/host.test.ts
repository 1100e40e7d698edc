import { describe, expect, test } from "bun:test";
import { ECHO_PATH, ECHO_PORT } from "../support.ts";
import {
  describeUnits,
  ASK_FILE,
  GOOD,
  HOST_NETWORK,
  HOST_NETWORK_LOW_PORT,
} from "./units-bench.ts";

await describeUnits("the units of a relay for the host", ({ ask, bench, install, judge }) => {
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
});
