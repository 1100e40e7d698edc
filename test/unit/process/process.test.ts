import { expect, test } from "bun:test";
import { constants } from "node:os";

const inProcess = (name: string) =>
  JSON.stringify(import.meta.resolve(`../../../src/process/${name}.ts`));

/** Runs a script in a process of its own, whose signals and errors are not the tests'. */
async function run(script: string) {
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
  const [code, stdout] = await Promise.all([child.exited, new Response(child.stdout).text()]);
  return { code, lines: stdout.split("\n").slice(0, -1) };
}

test("an error that nobody caught is reported, and the process goes on", async () => {
  const { code, lines } = await run(`
    import { reportFaults } from ${inProcess("uncaught-errors")};
    const rejected = Promise.withResolvers();
    using faults = reportFaults((error) => {
      console.log("reported", error.message);
      if (error.message === "thrown") setTimeout(() => void Promise.reject(new Error("rejected")));
      else rejected.resolve();
    });
    setTimeout(() => { throw new Error("thrown"); });
    // So that there is something to wait for while nothing was reported yet.
    const alive = setTimeout(() => {}, 10_000);
    await rejected.promise;
    clearTimeout(alive);
    console.log("went on");`);
  expect(lines).toEqual(["reported thrown", "reported rejected", "went on"]);
  expect(code).toBe(0);
});

test("afterwards an error ends the process as ever", async () => {
  const { code, lines } = await run(`
    import { reportFaults } from ${inProcess("uncaught-errors")};
    { using faults = reportFaults(() => console.log("reported")); }
    setTimeout(() => { throw new Error("thrown"); }, 1);`);
  expect(lines).toEqual([]);
  expect(code).toBe(1);
});

test("HUP calls, USR1 and USR2 do nothing, and afterwards they end the process as ever", async () => {
  const { code, lines } = await run(`
    import { onSignal } from ${inProcess("catch-signal")};
    import { ignoreUserSignals } from ${inProcess("ignore-user-signals")};
    {
      using users = ignoreUserSignals();
      const called = Promise.withResolvers();
      using hangups = onSignal("SIGHUP", () => called.resolve());
      for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP"]) process.kill(process.pid, signal);
      await called.promise;
      console.log("called");
    }
    process.kill(process.pid, "SIGUSR2");
    setTimeout(() => {}, 10_000);`);
  expect(lines).toEqual(["called"]);
  expect(code).toBe(128 + constants.signals.SIGUSR2);
});

test("the first of TERM and INT asks, the next asks again", async () => {
  const { code, lines } = await run(`
    import { stopRequests } from ${inProcess("stop-signals")};
    {
      using requests = stopRequests();
      requests.askedAgain.then(() => console.log("asked again"));
      process.kill(process.pid, "SIGINT");
      await requests.asked;
      console.log("asked");
      process.kill(process.pid, "SIGTERM");
      await requests.askedAgain;
      process.kill(process.pid, "SIGTERM");
      await new Promise(setImmediate);
    }
    console.log("disposed");
    process.kill(process.pid, "SIGTERM");
    setTimeout(() => {}, 10_000);`);
  expect(lines).toEqual(["asked", "asked again", "disposed"]);
  expect(code).toBe(143);
});
