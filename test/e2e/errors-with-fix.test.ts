import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executablePath, runRelay, startRelay, turnedAway } from "../support/process/executable.ts";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import { folderForTests } from "../support/temporary-folder.ts";

setDefaultTimeout(60_000);

// nobody, and a group of which nobody is no member.
const NOBODY = 65_534;
const GROUP = 33;
const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];

await describeNeeding(
  "an error names the fix",
  [root, program("setpriv"), program("prlimit"), program("unshare")],
  () => {
    const folder = folderForTests("errors");

    beforeAll(async () => {
      await executablePath();
      chownSync(folder, NOBODY, NOBODY);
      chmodSync(folder, 0o755);
    });

    test("of a --group that the relay's user is no member of", async () => {
      const words = [`--group=${GROUP}`, join(folder, "group"), "127.0.0.1:1"];
      const { code, stderr } = await runRelay(words, { prefix: AS_NOBODY });
      expect(code).toBe(1);
      expect(stderr).toContain("operation not permitted (EPERM)");
      expect(stderr).toMatch(/only members of a group can give a file to it.*SupplementaryGroups=/);
    });

    test("of an --owner that is somebody else", async () => {
      const words = ["--owner=1", join(folder, "owner"), "127.0.0.1:1"];
      const { code, stderr } = await runRelay(words, { prefix: AS_NOBODY });
      expect(code).toBe(1);
      expect(stderr).toContain("only root can give a file to another user");
    });

    test("of a destination that the relay's user may not open", async () => {
      const destination = join(folder, "destination");
      await using _other = await startRelay(["--mode=0600", destination, "127.0.0.1:1"]);
      const source = join(folder, "source");
      await using relay = await startRelay([source, destination], { prefix: AS_NOBODY });
      await turnedAway({ unix: source });
      await relay.logged(/permission denied \(EACCES\).*needs a group.*SupplementaryGroups=/);
    });

    test("of a source whose zone is no interface", async () => {
      const { code, stderr } = await runRelay(["[fe80::1%no-such]:8080", "127.0.0.1:1"]);
      expect(stderr).toContain(
        "(EINVAL); this machine has no interface no-such with an IPv6 address",
      );
      expect(code).toBe(1);
    });

    test("of a destination whose zone is no interface", async () => {
      const source = join(folder, "zone");
      await using relay = await startRelay([source, "[fe80::1%no-such]:80"]);
      await turnedAway({ unix: source });
      await relay.logged(/\(EINVAL\); this machine has no interface no-such/);
    });

    test("of a capture that the relay's user cannot make", async () => {
      const options = { prefix: AS_NOBODY };
      const ends = [join(folder, "captured"), "127.0.0.1:1"];
      const others = mkdtempSync(join(tmpdir(), "others-"));
      chmodSync(others, 0o755);
      const closed = join(others, "capture");
      const { code, stderr } = await runRelay([`--capture=${closed}`, ...ends], options);
      expect(stderr).toContain(
        `cannot capture into ${closed}: permission denied (EACCES); ` +
          `the relay's user must be able to write in the folder ${others}\n`,
      );
      expect(code).toBe(1);
      writeFileSync(closed, "", { mode: 0o600 });
      const foreign = await runRelay([`--capture=${closed}`, ...ends], options);
      expect(foreign.stderr).toContain("(EACCES); the file belongs to another user; choose");
      expect(foreign.code).toBe(1);
      rmSync(others, { recursive: true });
    });

    test("of a capture on a read-only file system, or in a named pipe", async () => {
      const ends = [join(folder, "captured"), "127.0.0.1:1"];
      const disk = join(folder, "disk");
      mkdirSync(disk);
      const script = `mount -t tmpfs -o ro none ${disk} && exec "$0" "$@"`;
      const prefix = ["unshare", "--mount", "sh", "-c", script];
      const { stderr } = await runRelay([`--capture=${disk}/file`, ...ends], { prefix });
      expect(stderr).toContain("(EROFS); choose a folder that can be written");
      const pipe = join(folder, "pipe");
      expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
      const piped = await runRelay([`--capture=${pipe}`, ...ends]);
      expect(piped.stderr).toContain("this is a named pipe, and a capture needs a file; choose");
      expect(piped.code).toBe(1);
    });

    test("of units for a read-only folder", async () => {
      const units = join(folder, "units");
      mkdirSync(units);
      const script = `mount -t tmpfs -o ro none ${units} && exec "$0" "$@"`;
      const prefix = ["unshare", "--mount", "sh", "-c", script];
      const words = ["units", `--output=${units}`, "/run/x/s", "127.0.0.1:1"];
      const { code, stderr } = await runRelay(words, { prefix });
      expect(stderr).toMatch(/cannot write \S+relay-x-s\.\S+: read-only file system \(EROFS\)\n$/);
      expect(code).toBe(1);
    });

    test("of a path that no shell has expanded, and of an admin path without a folder", async () => {
      for (const path of ["~/socket", "$HOME/socket"]) {
        const { stderr } = await runRelay([path, "127.0.0.1:1"], { cwd: folder });
        expect(stderr).toContain(`has not expanded ${path[0]} here; write the whole path`);
      }
      const { stderr } = await runRelay(["--admin=./missing/a", "127.0.0.1:0", "127.0.0.1:1"]);
      expect(stderr).toContain("(ENOENT); make the folder of --admin first");
    });

    test("of an admin address that is taken: the option", async () => {
      const taken = join(folder, "taken");
      await using relay = await startRelay([taken, "127.0.0.1:1"]);
      for (const option of ["--admin", "--metrics"]) {
        const words = [`${option}=${taken}`, "127.0.0.1:0", "127.0.0.1:1"];
        const { code, stderr } = await runRelay(words);
        expect(code).toBe(1);
        expect(stderr).toContain(`stop it or choose another path (${option})`);
      }
      expect(await relay.stop()).toBe(0);
    });

    test("of --connections-max that the limit of open files cannot carry", async () => {
      const words = ["--connections-max=1000", "127.0.0.1:0", "127.0.0.1:1"];
      await using relay = await startRelay(words, { prefix: ["prlimit", "--nofile=128:128"] });
      await relay.logged(/--connections-max is 1000.*carries 46.*LimitNOFILE=/);
    });
  },
);
