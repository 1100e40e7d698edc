import { expect, test } from "bun:test";
import { join } from "node:path";
import { runProgram } from "../support/process/program.ts";
import { folderForTests } from "../support/temporary-folder.ts";

// The time limits of a relay do not keep a program alive that has stopped the relay.

const LIBRARY = JSON.stringify(join(import.meta.dir, "../../src/index.ts"));
const folder = folderForTests("library-process-end");

/** How long a program goes on after it has stopped its only relay, in milliseconds. */
async function timeAfterStop(options: string, before: string, drainTimeout = 0): Promise<number> {
  const script = `
    import { createRelay } from ${LIBRARY};
    const opened = Promise.withResolvers();
    const closed = Promise.withResolvers();
    const relay = await createRelay({
      source: "127.0.0.1:0",
      destination: ${JSON.stringify(join(folder, "absent"))},
      observer: { opened: opened.resolve, closed: closed.resolve },
      ${options}
    });
    ${before}
    await relay.stop({ drainTimeout: ${drainTimeout} });
    const stopped = performance.now();
    process.on("exit", () => console.log(performance.now() - stopped));
  `;
  const argv = [process.execPath, "-e", script];
  const { code, stdout, stderr } = await runProgram(argv, {
    env: { PATH: process.env["PATH"] ?? "" },
    patience: 20_000,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return Number(stdout);
}

test("connectTimeout of a client that has left", async () => {
  const client = `
    const { port } = relay.endpoint;
    const client = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    const view = await opened.promise;
    // The second try comes after a millisecond, and has a time limit of its own.
    while (!view.attempt.retrying) await Bun.sleep(1);
    await Bun.sleep(20);
    client.terminate();
    await closed.promise;`;
  const time = await timeAfterStop("connectTimeout: 600_000, connectRetry: 600_000", client);
  expect(time).toBeLessThan(10_000);
});

test("the time in which a stopping relay waits for PROXY headers", async () => {
  const drainTimeout = 2_900;
  const proxies = `acceptProxy: true, acceptProxyFrom: ["127.0.0.0/8"]`;
  expect(await timeAfterStop(proxies, "", drainTimeout)).toBeLessThan(drainTimeout - 100);
});
