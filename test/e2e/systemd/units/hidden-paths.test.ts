import { expect, test } from "bun:test";
import { ECHO_PATH, RELAY, UNITS } from "../support.ts";
import { describeUnits, ODD, GOOD } from "./units-bench.ts";

await describeUnits(
  "the units reach what the hardening hides",
  ({ ask, bench, install, judge }) => {
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
  },
);
