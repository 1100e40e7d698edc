import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { printAddress } from "../../src/index.ts";
import { libc } from "../../src/os/libc.ts";
import { runRelay } from "../support/process/executable.ts";
import { expectIdleProcess } from "../support/process/idle.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { socketPair } from "../support/sockets/socket-pair.ts";
import { until } from "../support/waiting.ts";
import {
  ENV,
  executable,
  freshPath,
  pipe,
  StandardIo,
  WAYS,
} from "../support/process/standard-io.ts";

setDefaultTimeout(120_000);

describe.each(WAYS)("%s to %s", (streams, to) => {
  test("carries both ways, and each end of stream alone: input first", async () => {
    await using io = new StandardIo(streams, to);
    const payload = new Payload(300_000);
    await io.input(payload.bytes);
    await io.stdin.end();
    using server = await io.listener.accept();
    expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    const output = io.output();
    // socat ends a half-closed way after half a second.
    await Bun.sleep(1_000);
    const answer = new Payload(400_000, 2);
    await server.send(answer);
    server.halfClose();
    expect(await output).toEqual(answer.received());
    expect(await io.child.exited).toBe(0);
    expect(await io.stderr).toBe("");
  });

  test("carries both ways, and each end of stream alone: output first", async () => {
    await using io = new StandardIo(streams, to);
    using server = await io.listener.accept();
    const answer = new Payload(300_000);
    const output = io.output();
    await server.send(answer);
    server.halfClose();
    expect(await output).toEqual(answer.received());
    const payload = new Payload(400_000, 2);
    await io.input(payload.bytes);
    await io.stdin.end();
    expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    expect(await io.child.exited).toBe(0);
    expect(await io.stderr).toBe("");
  });

  test("a destination that resets is a failure, after what it sent", async () => {
    await using io = new StandardIo(streams, to);
    using server = await io.listener.accept();
    const output = io.output();
    await server.send(new Payload(1_000));
    // What it leaves unread makes the close of a Unix socket a failure, too.
    await io.input(new Payload(10).bytes);
    await server.arrival();
    server.reset();
    expect((await output).length).toBeLessThanOrEqual(1_000);
    await io.stdin.end();
    expect(await io.child.exited).toBe(1);
    expect(await io.stderr).toContain("the destination reset the connection");
  });

  test("a reader that leaves is a failure at once", async () => {
    await using io = new StandardIo(streams, to);
    using server = await io.listener.accept();
    await io.stdout.cancel();
    await server.pour(new Payload(200_000));
    // The first write may still find room in the last pipe.
    await Promise.race([server.pour(new Payload(3_000_000)), io.child.exited]);
    expect(await io.child.exited).toBe(1);
    await until(
      () => typeof server.trySend(Buffer.from("x")) === "string",
      "the failure to arrive",
    );
    expect(await io.stderr).toMatch(/cannot write to standard output: .*\((EPIPE|ECONNRESET)\)\n/);
  });
});

/** Starts a relay to `listener` between two pipes, and keeps all four ends open. */
function startBetweenPipes({ endpoint }: RawListener) {
  const [input, output] = [pipe(), pipe()];
  const child = Bun.spawn([executable, "-", printAddress(endpoint)], {
    env: ENV,
    stdin: input.end,
    stdout: output.start,
    stderr: "pipe",
  });
  return { child, input, output };
}

describe("standard streams", () => {
  test("a reader that stops holds the destination up, and costs nothing", async () => {
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const output = pipe();
    const child = Bun.spawn([executable, "-", printAddress(listener.endpoint)], {
      env: ENV,
      stdin: "ignore",
      stdout: output.start,
    });
    closeSync(output.start);
    using server = await listener.accept();
    const payload = new Payload(100_000_000);
    // Fails if all of it goes somewhere.
    const sent = await server.fill(payload);
    await expectIdleProcess(child.pid);
    const reader = Bun.spawn(["sha256sum"], { env: ENV, stdin: output.end, stdout: "pipe" });
    closeSync(output.end);
    await server.pour(payload, sent);
    server.halfClose();
    const sum = await new Response(reader.stdout).text();
    expect(sum).toStartWith(payload.received().sha256);
    expect(await child.exited).toBe(0);
  });

  test("a client that left is noticed although the destination says nothing", async () => {
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const { child, input, output } = startBetweenPipes(listener);
    for (const fd of [input.end, output.start, output.end]) closeSync(fd);
    using server = await listener.accept();
    // A client that wants no answer may go on sending, for longer than the time between two looks.
    await Bun.sleep(1_500);
    writeSync(input.start, "sent");
    closeSync(input.start);
    expect(await server.readToEnd()).toMatchObject({ length: 4, ending: "end" });
    expect(await child.exited).toBe(0);
    expect(await new Response(child.stderr).text()).toBe("");
  });

  test("pipes that somebody made non-blocking", async () => {
    if (libc === null) throw new Error("no FFI");
    const [input, output] = [new Int32Array(2), new Int32Array(2)];
    expect([libc.pipe(input), libc.pipe(output)]).toEqual([0, 0]);
    const [inputEnd = -1, inputStart = -1] = input;
    const [outputEnd = -1, outputStart = -1] = output;
    using listener = new RawListener({ kind: "unix", path: freshPath() });
    const child = Bun.spawn([executable, "-", printAddress(listener.endpoint)], {
      env: ENV,
      stdio: [inputEnd, outputStart, "pipe"],
    });
    using server = await listener.accept();
    // Bun.spawn made them blocking. The flag is of the open file, which the child shares
    // (fcntl(2)).
    for (const fd of [inputEnd, outputStart]) {
      expect(libc.prepare(fd)).toBe(0);
      closeSync(fd);
    }
    const payload = new Payload(1_000_000);
    const sending = Bun.write(Bun.file(inputStart), payload.bytes);
    expect(await server.read(payload.length)).toEqual(payload.received());
    await sending;
    closeSync(inputStart);
    const answering = server.pour(payload).then(() => server.halfClose());
    const answer = new Uint8Array(await new Response(Bun.file(outputEnd).stream()).arrayBuffer());
    await answering;
    expect(Buffer.compare(answer, payload.bytes)).toBe(0);
    expect(await child.exited).toBe(0);
    closeSync(outputEnd);
  });

  test("files", async () => {
    const [from, to] = [freshPath(), freshPath()];
    const payload = new Payload(3_000_000);
    await Bun.write(from, payload.bytes);
    using listener = new RawListener({ kind: "unix", path: freshPath() });
    const child = Bun.spawn([executable, "-", printAddress(listener.endpoint)], {
      env: ENV,
      stdio: [openSync(from, "r"), openSync(to, "w"), "inherit"],
    });
    using server = await listener.accept();
    expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    await server.send(payload);
    server.close();
    expect(await child.exited).toBe(0);
    expect(Buffer.compare(readFileSync(to), payload.bytes)).toBe(0);
  });

  test.each([
    ["the client's only socket, as inetd passes it", false],
    ["also as standard error, where no message may then go", true],
  ])("%s", async (_, alsoErrors) => {
    using pair = socketPair();
    const client = new RawSocket(pair.one, "client", false);
    const path = freshPath();
    const run = (listener: RawListener | null) =>
      Bun.spawn([executable, "-", listener === null ? path : printAddress(listener.endpoint)], {
        env: ENV,
        stdio: [pair.other, pair.other, alsoErrors ? pair.other : "ignore"],
      });
    if (alsoErrors) {
      // Nobody listens there: a message would be the only thing that the client gets.
      const child = run(null);
      expect(await child.exited).toBe(1);
      expect(client.tryReceive()).toBe("EAGAIN");
      return;
    }
    using listener = new RawListener({ kind: "unix", path });
    const child = run(listener);
    using server = await listener.accept();
    const payload = new Payload(500_000);
    await client.send(payload.first(100_000));
    client.halfClose();
    expect(await server.readToEnd()).toEqual({ ...payload.received(100_000), ending: "end" });
    const answering = server.pour(payload).then(() => server.halfClose());
    expect(await client.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    await answering;
    expect(await child.exited).toBe(0);
  });

  test("the client's only socket is told apart from two streams: the client has an address", async () => {
    using inetd = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    using client = await RawSocket.connect(inetd.endpoint);
    using socket = await inetd.accept();
    const { own, peer } = client.ports;
    const path = freshPath();
    using listener = new RawListener({ kind: "unix", path });
    const child = Bun.spawn([executable, "--proxy-protocol=v1", "-", path], {
      env: ENV,
      stdio: [socket.fd, socket.fd, "ignore"],
    });
    socket.close();
    using server = await listener.accept();
    const header = await server.receive();
    expect(Buffer.from(header).toString()).toBe(
      `PROXY TCP4 127.0.0.1 127.0.0.1 ${own} ${peer}\r\n`,
    );
    client.reset();
    // A failure of the client is its own, and no end of its stream.
    expect(await child.exited).toBe(1);
  });

  test("what it cannot read, or cannot reach, is a failure with its reason", async () => {
    const path = freshPath();
    using listener = new RawListener({ kind: "unix", path });
    const folderAsInput = Bun.spawn([executable, "-", path], {
      env: ENV,
      stdio: [openSync(tmpdir(), "r"), "pipe", "pipe"],
    });
    expect(await folderAsInput.exited).toBe(1);
    expect(await new Response(folderAsInput.stderr).text()).toContain(
      "cannot read standard input: ",
    );
    listener.close();
    const unreachable = await runRelay(["-", path]);
    expect(unreachable).toMatchObject({ code: 1, stdout: "" });
    expect(unreachable.stderr).toContain(`cannot reach ${path}: connection refused (ECONNREFUSED)`);
    const silent = await runRelay(["--log-level=info", "--idle-timeout=50ms", "-", path]);
    expect(silent).toMatchObject({ code: 1, stdout: "" });
  });

  test.each([
    { stream: "output", redirect: ">&-", nowhere: ">/dev/null" },
    { stream: "input", redirect: "<&-", nowhere: "</dev/null" },
  ])("a closed standard $stream is a failure, /dev/null is none", async (row) => {
    const path = freshPath();
    using listener = new RawListener({ kind: "unix", path });
    const run = (redirect: string) =>
      Bun.spawn(["sh", "-c", `exec "$0" - "$1" ${redirect}`, executable, path], {
        env: ENV,
        stdio: ["ignore", "ignore", "pipe"],
      });
    const closed = run(row.redirect);
    expect(await new Response(closed.stderr).text()).toContain(`standard ${row.stream} is closed`);
    expect(await closed.exited).toBe(1);
    const open = run(row.nowhere);
    using server = await listener.accept();
    server.halfClose();
    expect(await new Response(open.stderr).text()).toBe("");
    expect(await open.exited).toBe(0);
  });

  test.each(["hello", ""])(
    "a destination that comes late is waited for with all that was read: %j",
    async (text) => {
      const path = freshPath();
      const child = Bun.spawn([executable, "--connect-retry=1min", "-", path], {
        env: ENV,
        stdin: new Blob([text]),
        stdout: "pipe",
        stderr: "inherit",
      });
      // Time in which a relay that does not wait would give up.
      await Promise.race([child.exited, Bun.sleep(300)]);
      using listener = new RawListener({ kind: "unix", path });
      using server = await listener.accept();
      expect(await server.readToEnd()).toMatchObject({ length: text.length, ending: "end" });
      // Also who has nothing to say may wait for a greeting.
      server.sendAtOnce(new Payload(100));
      server.close();
      expect(await new Response(child.stdout).bytes()).toEqual(new Payload(100).bytes);
      expect(await child.exited).toBe(0);
    },
  );

  test.each(["SIGUSR1", "SIGUSR2"] as const)("%s does nothing", async (signal) => {
    await using io = new StandardIo("sockets", "TCP");
    using server = await io.listener.accept();
    io.child.kill(signal);
    // The child handles the signals in this order.
    await server.send(new Payload(1_000));
    server.halfClose();
    io.child.kill("SIGTERM");
    expect(await io.child.exited).toBe(1);
    expect(await io.stderr).toContain("error stopped by TERM\n");
  });

  const SIGNALS = [
    ["SIGTERM", "TERM"],
    ["SIGINT", "INT"],
    ["SIGQUIT", "QUIT"],
    ["SIGHUP", "HUP"],
  ] as const;

  describe.each(["sockets", "pipes"] as const)("over %s", (streams) => {
    test.each(SIGNALS)("%s ends it at once, and one line names it", async (signal, name) => {
      await using io = new StandardIo(streams, "TCP");
      using server = await io.listener.accept();
      io.child.kill(signal);
      expect(await io.child.exited).toBe(1);
      expect(await server.readToEnd()).toMatchObject({ ending: "ECONNRESET" });
      expect(await io.stderr).toMatch(new RegExp(`^[^\\n]*error stopped by ${name}\\n$`));
    });
  });

  test("TERM while standard output is full leaves its line, too", async () => {
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const { child, input, output } = startBetweenPipes(listener);
    using server = await listener.accept();
    await server.fill(new Payload(100_000_000));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toMatch(/^[^\n]*error stopped by TERM\n$/);
    for (const fd of [input.start, input.end, output.start, output.end]) closeSync(fd);
  });

  test("HUP after standard input was closed, as from ssh, is no line", async () => {
    await using io = new StandardIo("pipes", "TCP");
    using server = await io.listener.accept();
    await io.stdin.end();
    expect(await server.readToEnd()).toMatchObject({ ending: "end" });
    io.child.kill("SIGHUP");
    expect(await io.child.exited).toBe(1);
    expect(await io.stderr).toBe("");
  });

  test.each([
    [["--mode=0660", "-", "/x"], "--mode makes no sense if SOURCE is -"],
    [["--allow-users=0", "-", "/x"], "--allow-users makes no sense if SOURCE is -"],
    [["--workers=2", "-", "/x"], "--workers makes no sense if SOURCE is -"],
    [["--capture-bytes=100", "-", "/x"], "--capture-bytes makes sense only with --capture"],
    [["--destination-netns=a", "-", "/x"], "--destination-netns makes no sense for a Unix socket"],
    [["/x", "-"], "standard input and output can only be the SOURCE"],
    [["-", "-"], "standard input and output can only be the SOURCE"],
    [["units", "-", "/x"], "standard input and output can only be the SOURCE"],
    [["-"], "DESTINATION is missing"],
  ])("wrong usage: %j", async (args, message) => {
    const { code, stdout, stderr } = await runRelay(args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(message);
  });
});
