import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printAddress } from "../../src/index.ts";
import { isListening } from "../../src/os/unix-listeners.ts";
import { startRelay } from "../support/process/executable.ts";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";
import { ENV, executable, freshPath } from "../support/process/standard-io.ts";

setDefaultTimeout(120_000);

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
    const [file, path] = [freshPath(), freshPath()];
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
