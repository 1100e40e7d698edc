import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printAddress, type SocketEndpoint } from "../../src/index.ts";
import { libc } from "../../src/os/libc.ts";
import { isListening } from "../../src/os/unix-listeners.ts";
import { executablePath, runRelay, startRelay } from "../support/process/executable.ts";
import { expectIdleProcess } from "../support/process/idle.ts";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { socketPair } from "../support/sockets/socket-pair.ts";
import { until } from "../support/waiting.ts";

setDefaultTimeout(120_000);

let folder: string;
let executable: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "standard-io-"));
  executable = await executablePath();
});
afterAll(() => rmSync(folder, { recursive: true }));

let names = 0;
const freshPath = () => join(folder, `socket-${(names += 1)}`);
const ENV = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };

const DESTINATIONS: Readonly<Record<string, () => SocketEndpoint>> = {
  Unix: () => ({ kind: "unix", path: freshPath() }),
  TCP: () => ({ kind: "tcp", host: "127.0.0.1", port: 0 }),
};

/** What the relay's descriptors 0 and 1 are. Bun connects a child by socket pairs. */
const STREAMS = ["sockets", "pipes"] as const;
type Streams = (typeof STREAMS)[number];

const WAYS = STREAMS.flatMap((streams) =>
  Object.keys(DESTINATIONS).map((to) => [streams, to] as const),
);

/** The two ends of a pipe, as a shell makes it: reads and writes block. */
function pipe(): { readonly end: number; readonly start: number } {
  const path = freshPath();
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  // Opened for both, it does not wait for the other end (fifo(7)).
  const both = openSync(path, "r+");
  const ends = { end: openSync(path, "r"), start: openSync(path, "w") };
  closeSync(both);
  return ends;
}

/** A relay from this test by its standard streams to a listener of this test. */
class StandardIo implements AsyncDisposable {
  readonly listener: RawListener;
  readonly child: Bun.Subprocess;
  readonly stdin: Bun.FileSink;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: Promise<string>;
  readonly #started: Bun.Subprocess[] = [];

  constructor(streams: Streams, to: string, options: readonly string[] = []) {
    const endpoint = DESTINATIONS[to]?.();
    if (endpoint === undefined) throw new Error(`no destination over ${to}`);
    this.listener = new RawListener(endpoint);
    const command = [executable, ...options, "-", printAddress(this.listener.endpoint)];
    if (streams === "sockets") {
      const child = Bun.spawn(command, { env: ENV, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
      this.child = child;
      this.stdin = child.stdin;
      this.stdout = child.stdout;
      this.stderr = new Response(child.stderr).text();
    } else {
      const [input, output] = [pipe(), pipe()];
      const env = ENV;
      const before = Bun.spawn(["cat"], { env, stdin: "pipe", stdout: input.start });
      const child = Bun.spawn(command, {
        env,
        stdin: input.end,
        stdout: output.start,
        stderr: "pipe",
      });
      const after = Bun.spawn(["cat"], { env, stdin: output.end, stdout: "pipe" });
      for (const fd of [input.start, input.end, output.start, output.end]) closeSync(fd);
      this.child = child;
      this.stdin = before.stdin;
      this.stdout = after.stdout;
      this.stderr = new Response(child.stderr).text();
      this.#started.push(before, after);
    }
    this.#started.push(this.child);
  }

  /** Everything that comes out of the relay. */
  async output() {
    const hash = new Bun.CryptoHasher("sha256");
    let length = 0;
    for await (const chunk of this.stdout) {
      hash.update(chunk);
      length += chunk.length;
    }
    return { length, sha256: hash.digest("hex") };
  }

  async input(bytes: Uint8Array): Promise<void> {
    await this.stdin.write(bytes);
    await this.stdin.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#started) child.kill("SIGKILL");
    this.listener.close();
    await this.child.exited;
  }
}

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
    closeSync(inputEnd);
    closeSync(outputStart);
    using server = await listener.accept();
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
    const [from, to] = [join(folder, "from"), join(folder, "to")];
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

  test("what it cannot read, or cannot reach, is a failure with its reason", async () => {
    const path = freshPath();
    using listener = new RawListener({ kind: "unix", path });
    const folderAsInput = Bun.spawn([executable, "-", path], {
      env: ENV,
      stdio: [openSync(folder, "r"), "pipe", "pipe"],
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

  test("a destination that comes late is waited for with all that was read", async () => {
    const path = freshPath();
    const child = Bun.spawn([executable, "--connect-retry=1min", "-", path], {
      env: ENV,
      stdin: new Blob(["hello"]),
      stdout: "pipe",
      stderr: "inherit",
    });
    await Bun.sleep(300);
    using listener = new RawListener({ kind: "unix", path });
    using server = await listener.accept();
    expect(await server.readToEnd()).toMatchObject({ length: 5, ending: "end" });
    server.close();
    expect(await child.exited).toBe(0);
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("%s ends it at once", async (signal) => {
    await using io = new StandardIo("sockets", "TCP");
    using server = await io.listener.accept();
    io.child.kill(signal);
    expect(await io.child.exited).toBe(1);
    expect(await server.readToEnd()).toMatchObject({ ending: "ECONNRESET" });
    // ssh sends HUP at the end of each session: nobody wants to read of that.
    if (signal === "SIGHUP") expect(await io.stderr).toBe("");
    else expect(await io.stderr).toContain("error stopped by a signal\n");
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

await describeNeeding("beside other programs", [program("socat"), program("script")], () => {
  test("socat cuts the answer after half a second; this program does not", async () => {
    const path = freshPath();
    const server = Bun.spawn(
      ["socat", "-t", "10", `UNIX-LISTEN:${path},fork`, "SYSTEM:cat; sleep 1; echo late"],
      { env: ENV, stdin: "ignore", stderr: "ignore" },
    );
    try {
      await until(() => isListening(path), "socat to listen");
      const [late, cut] = await Promise.all(
        [
          [executable, "-", path],
          ["socat", "-", `UNIX-CONNECT:${path}`],
        ].map(async (command) => {
          const child = Bun.spawn(command, {
            env: ENV,
            stdin: new Blob(["early\n"]),
            stdout: "pipe",
          });
          return await new Response(child.stdout).text();
        }),
      );
      expect({ late, cut }).toEqual({ late: "early\nlate\n", cut: "early\n" });
    } finally {
      server.kill();
    }
  });

  test("a gigabyte each way through pipes, at the same time", async () => {
    const [file, path] = [join(folder, "gigabyte"), freshPath()];
    const piece = new Payload(4 * 1024 * 1024).bytes;
    const sink = Bun.file(file).writer();
    const hash = new Bun.CryptoHasher("sha256");
    for (let index = 0; index < 256; index += 1) {
      const head = new Uint8Array(new Uint32Array([index]).buffer);
      for (const bytes of [head, piece]) {
        hash.update(bytes);
        await sink.write(bytes);
        await sink.flush();
      }
    }
    await sink.end();
    const server = Bun.spawn(["socat", `UNIX-LISTEN:${path}`, "EXEC:cat"], { env: ENV });
    try {
      await until(() => isListening(path), "socat to listen");
      const child = Bun.spawn(
        [
          "bash",
          "-o",
          "pipefail",
          "-c",
          'cat "$1" | "$2" - "$3" | sha256sum',
          "bash",
          file,
          executable,
          path,
        ],
        { env: ENV, stdin: "ignore", stdout: "pipe" },
      );
      expect(await new Response(child.stdout).text()).toStartWith(hash.digest("hex"));
      expect(await child.exited).toBe(0);
    } finally {
      server.kill();
      rmSync(file);
    }
  });

  test("a terminal", async () => {
    using listener = new RawListener({ kind: "unix", path: freshPath() });
    const command = `${executable} - ${printAddress(listener.endpoint)}`;
    const child = Bun.spawn(["script", "-qec", command, "/dev/null"], {
      env: ENV,
      stdin: "pipe",
      stdout: "pipe",
    });
    using server = await listener.accept();
    await child.stdin.write("hello\n");
    await child.stdin.flush();
    expect(Buffer.from((await server.receive()) as Uint8Array).toString()).toBe("hello\n");
    server.trySend(Buffer.from("world\n"));
    // Ctrl-D, the end of input at a terminal.
    await child.stdin.write("\u0004");
    await child.stdin.flush();
    expect(await server.receive()).toBe("end");
    server.close();
    expect(await new Response(child.stdout).text()).toContain("world");
    expect(await child.exited).toBe(0);
  });
});

await describeNeeding(
  "from systemd's socket activation",
  [program("systemd-socket-activate")],
  () => {
    test("with a connection each, as inetd does", async () => {
      const path = freshPath();
      using listener = new RawListener({ kind: "unix", path: freshPath() });
      const server = Bun.spawn(
        [
          ...["systemd-socket-activate", "--accept", "--inetd", `--listen=${path}`],
          ...[executable, "-", printAddress(listener.endpoint)],
        ],
        { env: ENV, stdin: "ignore", stderr: "ignore" },
      );
      try {
        await until(() => isListening(path), "it to listen");
        for (let round = 1; round <= 3; round += 1) {
          using client = await RawSocket.connect({ kind: "unix", path });
          const payload = new Payload(100_000, round);
          await client.send(payload);
          client.halfClose();
          using destination = await listener.accept();
          expect(await destination.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
          await destination.send(payload);
          destination.close();
          expect(await client.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
        }
      } finally {
        server.kill();
      }
    });
  },
);

await describeNeeding("as ssh's ProxyCommand", [root, program("sshd"), program("ssh")], () => {
  test("a session, and bulk by hash each way", async () => {
    const home = mkdtempSync(join(tmpdir(), "ssh-"));
    const run = (command: readonly string[], input = "") =>
      Bun.spawnSync([...command], { env: ENV, stdin: Buffer.from(input), stderr: "inherit" });
    for (const name of ["host", "user"])
      expect(
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(home, name)]).exitCode,
      ).toBe(0);
    // sshd insists on its folder, which Debian makes when the service starts.
    run(["mkdir", "-p", "/run/sshd"]);
    const path = join(home, "sshd");
    // Each connection to the socket gets an sshd of its own on standard input and output.
    const options = [
      ...["-o", "UsePAM=no", "-o", "StrictModes=no", "-o", "PidFile=none"],
      ...["-o", "PermitRootLogin=yes", "-o", `AuthorizedKeysFile=${join(home, "user.pub")}`],
    ];
    const sshd = Bun.spawn(
      [
        ...["systemd-socket-activate", "--accept", "--inetd", `--listen=${path}`],
        ...["/usr/sbin/sshd", "-i", "-f", "/dev/null", "-h", join(home, "host"), ...options],
      ],
      { env: ENV, stdin: "ignore", stderr: "ignore" },
    );
    try {
      await until(() => isListening(path), "sshd to listen");
      const ssh = (command: string) => [
        ...["ssh", "-F", "/dev/null", "-i", join(home, "user"), "-o", "BatchMode=yes"],
        ...["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${join(home, "known")}`],
        ...["-o", `ProxyCommand=${executable} - ${path}`, "root@relayed", command],
      ];
      const payload = new Payload(50_000_000);
      await Bun.write(
        join(home, "bulk"),
        Buffer.concat([payload.piece(0), payload.piece(4_194_304)]),
      );
      const bytes = await Bun.file(join(home, "bulk")).arrayBuffer();
      const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
      const download = Bun.spawn(ssh(`cat ${join(home, "bulk")}`), {
        env: ENV,
        stdout: "pipe",
        stderr: "pipe",
      });
      const downloaded = await new Response(download.stdout).arrayBuffer();
      expect(await new Response(download.stderr).text()).not.toContain("error");
      expect(await download.exited).toBe(0);
      expect(new Bun.CryptoHasher("sha256").update(downloaded).digest("hex")).toBe(sha256);
      const upload = Bun.spawn(ssh("sha256sum"), {
        env: ENV,
        stdin: Bun.file(join(home, "bulk")),
        stdout: "pipe",
        stderr: "ignore",
      });
      expect(await new Response(upload.stdout).text()).toStartWith(sha256);
      expect(await upload.exited).toBe(0);
    } finally {
      sshd.kill();
      rmSync(home, { recursive: true });
    }
  });
});

test("a second relay of the same socket file is not in its way", async () => {
  // What listens and what `-` reaches are the same program.
  const path = freshPath();
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  await using _relay = await startRelay([path, printAddress(listener.endpoint)]);
  const child = Bun.spawn([executable, "-", path], {
    env: ENV,
    stdin: new Blob(["ping"]),
    stdout: "pipe",
  });
  using server = await listener.accept();
  expect(await server.readToEnd()).toMatchObject({ length: 4, ending: "end" });
  server.trySend(Buffer.from("pong"));
  server.close();
  expect(await new Response(child.stdout).text()).toBe("pong");
  expect(await child.exited).toBe(0);
});
