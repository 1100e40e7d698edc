import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeNeeding, program, root } from "../../support/machine/parts.ts";
import { startRelay } from "../../support/process/executable.ts";
import { runProgram } from "../../support/process/program.ts";

const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };

await describeNeeding(
  "a file system that becomes read-only while a relay runs",
  [root, program("unshare"), program("nsenter")],
  () => {
    test.each(["1", "2"])("is a warning at the stop, with %s workers", async (workers) => {
      const folder = mkdtempSync(join(tmpdir(), "read-only-"));
      try {
        // The file system is mounted in the relay's own mount namespace, and goes with the relay.
        const mounted = 'mount -t tmpfs none "$0" && exec "$@"';
        await using relay = await startRelay(
          [`--workers=${workers}`, `--admin=${folder}/admin`, `${folder}/source`, "127.0.0.1:9"],
          { prefix: ["unshare", "--mount", "sh", "-c", mounted, folder] },
        );
        const target = [`--target=${relay.pid}`, "--mount"];
        const remount = ["mount", "-o", "remount,ro", folder];
        const { code, stderr } = await runProgram(["nsenter", ...target, ...remount], { env });
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(await relay.stop()).toBe(0);
        for (const name of ["source", "admin"])
          expect(relay.stderr()).toContain(
            `"level":"warn","message":"the socket file ${folder}/${name} stays, ` +
              'because its file system is read-only (EROFS)"',
          );
        expect(relay.stderr()).not.toContain("unexpected");
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  },
);
