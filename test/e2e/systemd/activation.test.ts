import { describe, expect, test } from "bun:test";
import { describeRelay, ECHO_PATH, ECHO_PORT, RELAY } from "./support.ts";

const BURST = 200;

// Every kind of source, each to the other kind of destination.
const ACTIVATED = [
  { name: "tcp", listen: "127.0.0.1:9000", destination: ECHO_PATH, options: "" },
  { name: "unix", listen: "/run/activated/socket", destination: ECHO_PORT, options: "" },
  { name: "workers", listen: "127.0.0.1:9004", destination: ECHO_PATH, options: "--workers=3" },
] as const;

function socketUnit(listen: string): string {
  return `
[Socket]
ListenStream=${listen}
Backlog=2000
`;
}

function serviceUnit(source: string, destination: string): string {
  return `
[Service]
Type=notify
ExecStart=${RELAY} ${source} ${destination}
User=relay
`;
}

await describeRelay("socket activation", (bench) => {
  for (const { name, listen, destination, options } of ACTIVATED) {
    describe(name, () => {
      const service = `act-${name}.service`;

      test(`${BURST} clients at the moment of start are all served`, async () => {
        await bench.install({
          [`act-${name}.socket`]: socketUnit(listen),
          [service]: serviceUnit(`${options} systemd`, destination),
        });
        await bench.systemctl("start", `act-${name}.socket`);
        expect(await bench.machine.show(service, "ActiveState")).toBe("inactive");

        expect(await bench.clients("burst.py", listen, BURST)).toEqual({
          served: BURST,
          lost: {},
        });
        expect(await bench.machine.show(service, "ActiveState")).toBe("active");
        expect(await bench.starts(service)).toBe(1);
      });

      test("the given backlog is not lowered", async () => {
        const family = listen.startsWith("/") ? "-x" : "-t";
        const sockets = await bench.machine.succeed(`ss -HlnO ${family}`);
        const line = sockets.split("\n").find((line) => line.includes(`${listen} `)) ?? "";
        // Of a listening socket the second figure is its backlog: ss(8), Send-Q
        const backlog = Number(/LISTEN +\d+ +(\d+)/.exec(line)?.[1]);
        expect({ line, backlog: backlog >= 2000 }).toEqual({ line, backlog: true });
      });

      test("its status tells of open and served connections", async () => {
        const held = await bench.startClients("hold.py", listen, 3);
        const status = await bench.machine.reaches(service, "StatusText", numbers(3, BURST + 3));
        await held.finish();
        expect(status).not.toBe(
          await bench.machine.reaches(service, "StatusText", numbers(0, BURST + 3)),
        );
      });

      test("a stop leaves the socket, and the next client starts it again", async () => {
        await bench.systemctl("stop", service);
        expect(await bench.machine.show(service, "Result")).toBe("success");
        if (listen.startsWith("/")) await bench.machine.succeed(["test", "-S", listen]);
        expect(await bench.clients("burst.py", listen, 1)).toEqual({ served: 1, lost: {} });
        expect(await bench.starts(service)).toBe(2);
        await bench.systemctl("stop", `act-${name}.socket`, service);
      });
    });
  }

  test("a socket is chosen by its name or its number", async () => {
    await bench.install({
      "first.socket": `[Socket]\nListenStream=127.0.0.1:9001\nFileDescriptorName=one\nService=chosen.service\n`,
      "second.socket": `[Socket]\nListenStream=127.0.0.1:9002\nFileDescriptorName=two\nService=chosen.service\n`,
    });
    for (const source of ["systemd:two", "fd:3"]) {
      await bench.install({
        "chosen.service": `${serviceUnit(source, ECHO_PATH)}Sockets=second.socket first.socket\n`,
      });
      await bench.systemctl("start", "first.socket", "second.socket");
      await bench.systemctl("start", "chosen.service");
      const [said] = await bench.said("chosen.service");
      expect(said?.message).toContain("listening");
      await bench.systemctl("stop", "first.socket", "second.socket", "chosen.service");
    }
  });

  test.each([
    {
      what: "two sockets where one is asked for",
      source: "systemd",
      sockets: ["ListenStream=127.0.0.1:9001", "ListenStream=127.0.0.1:9002"],
      says: [/\b2\b|two/i, /bad\.socket/],
    },
    {
      what: "no socket of that name",
      source: "systemd:absent",
      sockets: ["ListenStream=127.0.0.1:9001", "FileDescriptorName=present"],
      says: [/absent/, /present/],
    },
    {
      what: "a datagram socket",
      source: "systemd",
      sockets: ["ListenDatagram=/run/bad-datagram"],
      says: [/stream/],
    },
    {
      what: "a descriptor that was not passed",
      source: "fd:9",
      sockets: ["ListenStream=127.0.0.1:9001"],
      says: [/\b9\b/],
    },
  ])("$what: exit 1, and it says what was passed", async ({ source, sockets, says }) => {
    await bench.install({
      "bad.socket": `[Socket]\n${sockets.join("\n")}\n`,
      "bad.service": serviceUnit(source, ECHO_PATH),
    });
    await bench.systemctl("start", "bad.socket");
    const before = (await bench.said("bad.service")).length;
    const { code } = await bench.machine.run("systemctl start bad.service");
    expect(code).not.toBe(0);
    expect(await bench.machine.show("bad.service", "ExecMainStatus")).toBe("1");
    const lines = (await bench.said("bad.service")).slice(before);
    expect(lines).toHaveLength(1);
    for (const pattern of says) expect(lines[0]?.message).toMatch(pattern);
    await bench.systemctl("stop", "bad.socket");
    await bench.systemctl("reset-failed", "bad.service");
  });

  test("nothing passed: exit 1", async () => {
    await bench.install({ "alone.service": serviceUnit("systemd", ECHO_PATH) });
    const { code } = await bench.machine.run("systemctl start alone.service");
    expect(code).not.toBe(0);
    expect(await bench.machine.show("alone.service", "ExecMainStatus")).toBe("1");
  });
});

// A status with these two figures in it, whatever its words are.
function numbers(open: number, served: number): RegExp {
  return new RegExp(`^(?=.*\\b${open}\\b)(?=.*\\b${served}\\b)`);
}
