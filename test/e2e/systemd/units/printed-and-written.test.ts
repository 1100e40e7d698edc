import { expect, test } from "bun:test";
import fc from "fast-check";
import { execWord } from "../../../../src/systemd/units/unit-escaping.ts";
import { RELAY, UNITS } from "../support.ts";
import { describeUnits, APP_PORT } from "./units-bench.ts";

const ARGV_FILE = "/usr/local/lib/argv.py";
const ARGV = `
import json, sys
print(json.dumps(sys.argv[1:]), file=open("/run/argv", "w"))
`;

await describeUnits("the files that `units` prints and writes", ({ bench, install }) => {
  test("are printed, each below its name, where no folder is given", async () => {
    const words = ["--service=app.service", "--name=outer", ":80", APP_PORT];
    await install(...words);
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
    await bench.machine.write(ARGV_FILE, ARGV);
    await bench.install({
      "argv.service": `[Service]\nType=oneshot\nExecStart=python3 ${ARGV_FILE} ${words.map((word) => execWord(word)).join(" ")}\n`,
    });
    await bench.systemctl("start", "argv.service");
    const got: unknown = JSON.parse(await bench.machine.succeed("cat /run/argv"));
    expect(got).toEqual(words);
  });
});
