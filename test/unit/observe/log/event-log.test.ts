import { describe, expect, test } from "bun:test";
import { parseAddress } from "../../../../src/address/address.ts";
import type { LogLevel } from "../../../../src/observe/log/log.ts";
import { logObserver } from "../../../../src/observe/log/event-log.ts";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import type { ConnectionView, Observer } from "../../../../src/relay/observer.ts";
import { loggedLines } from "./logged-lines.ts";

const { logged } = loggedLines();

describe("what happens in a relay", () => {
  const connection: ConnectionView = {
    id: 7,
    clientAddress: "127.0.0.1:5678",
    clientPeer: null,
    openedAt: performance.now(),
    connectedAt: null,
    destinationAddress: "",
    bytesUp: 1,
    bytesDown: 2_000,
    heldUp: 0,
    heldDown: 0,
    pausesUp: 0,
    pausesDown: 0,
    state: "open",
  };
  const observe = (
    level: LogLevel,
    happens: (observer: Observer) => void,
    limit = { connectionsMax: 48, isOfFiles: false },
  ) =>
    logged(level, (log) => {
      const observer = logObserver(log, parseAddress("/run/x/socket", "destination"), limit);
      happens({ ...silentObserver, ...observer });
    });

  test.each([
    [false, "(--connections-max)"],
    [true, "(no more open files are allowed: LimitNOFILE=, ulimit -n)"],
  ])("it is full, and what to raise where the limit is of files: %p", async (isOfFiles, words) => {
    const limit = { connectionsMax: 48, isOfFiles };
    const [line] = await observe("warn", (observer) => observer.full(48, "own"), limit);
    expect(line).toMatchObject({
      message: `48 connections open, the limit: further clients wait ${words}`,
    });
  });

  test("it listens", async () => {
    const endpoint = { kind: "tcp", host: "127.0.0.1", port: 8080 } as const;
    expect(await observe("info", (observer) => observer.listening(endpoint))).toEqual([
      {
        level: "info",
        message: "listening on 127.0.0.1:8080, relaying to /run/x/socket, 48 at once at most",
        event: "listening",
        source: "127.0.0.1:8080",
        destination: "/run/x/socket",
        connections_max: 48,
      },
    ]);
  });

  describe("the destination cannot be reached", () => {
    const failure = { code: "ENOENT", message: "cannot reach /run/x/socket: no such file" };
    const common = {
      level: "warn",
      event: "unreachable",
      connection: 7,
      destination: "/run/x/socket",
      code: "ENOENT",
    };
    const observeOf = (client: Partial<ConnectionView>) =>
      observe("info", (observer) => observer.unreachable({ ...connection, ...client }, failure));

    test("for a TCP client, which is named by its address", async () => {
      expect(await observeOf({})).toEqual([
        { ...common, message: `${failure.message}, for 127.0.0.1:5678`, client: "127.0.0.1:5678" },
      ]);
    });

    test("for a Unix client, which is named by its user and process", async () => {
      const clientPeer = { pid: 4242, uid: 1000, gid: 100 };
      expect(await observeOf({ clientAddress: "", clientPeer })).toEqual([
        {
          ...common,
          message: `${failure.message}, for user 1000, process 4242`,
          client: "",
          client_uid: 1000,
          client_gid: 100,
          client_pid: 4242,
        },
      ]);
    });

    test("for one that nothing is known of", async () => {
      expect(await observeOf({ clientAddress: "" })).toEqual([
        { ...common, message: failure.message, client: "" },
      ]);
    });

    test("for one that nobody is to read of, which is not asked who it is", async () => {
      const unasked: ConnectionView = {
        ...connection,
        get clientAddress(): string {
          throw new Error("asked");
        },
      };
      const lines = await observe("error", (observer) => observer.unreachable(unasked, failure));
      expect(lines).toEqual([]);
    });
  });

  test("the destination is reached again, after as many had failed", async () => {
    const failure = { code: "ENOENT", message: "cannot reach /run/x/socket: no such file" };
    const lines = await observe("info", (observer) => {
      for (let client = 0; client < 9_812; client += 1)
        observer.unreachable(
          { ...connection, id: client, clientAddress: `127.0.0.${client % 7}:1` },
          failure,
        );
      observer.reachedAgain();
      // A second worker says so, too.
      observer.reachedAgain();
    });
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toEqual({
      level: "info",
      message: "/run/x/socket is reached again after N s, 9,812 clients failed",
      event: "reached_again",
      destination: "/run/x/socket",
      failed: 9_812,
      failed_ms: expect.any(Number),
    });
  });

  test("failures stay counted where the level hides that the destination is reached", async () => {
    const failure = { code: "ENOENT", message: "cannot reach /run/x/socket: no such file" };
    const lines = await observe("warn", (observer) => {
      for (let client = 0; client < 40; client += 1) observer.unreachable(connection, failure);
      observer.reachedAgain();
      observer.stopped({ cause: "asked", cut: 0 });
    });
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toMatchObject({ event: "unreachable", count: 30 });
  });

  test("many fail or are refused, of whom the rest is counted", async () => {
    const failure = { code: "ENOENT", message: "cannot reach /run/x/socket: no such file" };
    const lines = await observe("info", (observer) => {
      for (let client = 0; client < 2_010; client += 1) {
        const address = `10.0.${client >> 8}.${client & 255}:1234`;
        observer.unreachable({ ...connection, id: client, clientAddress: address }, failure);
        observer.refused(`[2001:db8::${client % 3}]:77`, "its address is denied");
      }
      observer.stopped({ cause: "asked", cut: 0 });
    });
    expect(lines).toHaveLength(10 + 10 + 2 + 1);
    expect(lines.slice(20, 22)).toEqual([
      {
        level: "warn",
        message: `${failure.message}, for 2,000 more clients in N s (1,000 or more different)`,
        event: "unreachable",
        destination: "/run/x/socket",
        code: "ENOENT",
        count: 2_000,
        clients: 1_000,
        count_ms: expect.any(Number),
      },
      {
        level: "warn",
        message: "refused 2,000 more clients in N s (3 different): its address is denied",
        event: "refused",
        reason: "its address is denied",
        count: 2_000,
        clients: 3,
        count_ms: expect.any(Number),
      },
    ]);
  });

  test("Unix clients are told apart by their user", async () => {
    const lines = await observe("info", (observer) => {
      for (let client = 0; client < 100; client += 1) {
        const clientPeer = { uid: 1_000 + (client % 2), gid: 7, pid: client };
        observer.refused(`user ${clientPeer.uid}, group 7, process ${client}`, "not among them");
        observer.unreachable(
          { ...connection, clientAddress: "", clientPeer },
          { code: "ENOENT", message: "cannot" },
        );
      }
      observer.stopped({ cause: "asked", cut: 0 });
    });
    expect(lines.slice(-3, -1)).toMatchObject([{ clients: 2 }, { clients: 2 }]);
  });

  test("a flood of faults and warnings is counted as well", async () => {
    const lines = await observe("info", (observer) => {
      for (let times = 0; times < 1_000; times += 1) {
        observer.fault(new Error(`${times}`));
        observer.warning("watch out");
      }
      observer.stopped({ cause: "asked", cut: 0 });
    });
    expect(lines).toHaveLength(23);
    expect(lines.slice(20, 22)).toMatchObject([
      { event: "fault", count: 990, message: expect.stringMatching(/^unexpected, 990 more times/) },
      { event: "warning", count: 990, message: "watch out (990 more times in N s)" },
    ]);
  });

  test("it drains, where there is something to wait for, and stops", async () => {
    const lines = await observe("info", (observer) => {
      observer.draining(2);
      observer.draining(1);
      observer.draining(0);
      observer.stopped({ cause: "asked", cut: 0 });
    });
    expect(lines.map(({ message }) => message)).toEqual([
      "draining: waiting for 2 connections to end",
      "draining: waiting for 1 connection to end",
      "stopped",
    ]);
    expect(lines.map(({ event }) => event)).toEqual(["draining", "draining", "stopped"]);
  });

  test("the end of a stop says why, and how many connections it cut", async () => {
    const lines = await observe("info", (observer) => {
      observer.stopped({ cause: "idle", cut: 0 });
      observer.stopped({ cause: "asked", cut: 1 });
      observer.stopped({ cause: "asked", cut: 12 });
    });
    expect(lines).toMatchObject([
      { message: "stopped: no client was connected (--exit-idle-time)", cause: "idle", cut: 0 },
      { message: "stopped: cut 1 connection that had not ended", cause: "asked", cut: 1 },
      { message: "stopped: cut 12 connections that had not ended", cause: "asked", cut: 12 },
    ]);
  });

  test("the end of a relay whose handover was not completed is for debug, unless it cut", async () => {
    const lines = await observe("debug", (observer) => {
      observer.stopped({ cause: "given back", cut: 0 });
      observer.stopped({ cause: "given back", cut: 1 });
    });
    const message = "stopped in the new process, because the handover was not completed";
    expect(lines).toMatchObject([
      { level: "debug", message },
      { level: "info", message: `${message}: cut 1 connection that had not ended` },
    ]);
  });

  test("a fault is one line, and its stack at debug", async () => {
    const fault = (observer: Observer) => observer.fault(new Error("no such thing"));
    const line = { level: "error", message: "unexpected: no such thing", event: "fault" };
    expect(await observe("info", fault)).toEqual([line]);
    const [, again, stack] = await observe("debug", fault);
    expect(again).toEqual(line);
    expect(stack).toMatchObject({ level: "debug", event: "fault_stack" });
    expect(stack?.["message"]).toContain("log.test.ts");
  });

  test("a thrown thing that is no error is said as well", async () => {
    const lines = await observe("info", (observer) => observer.fault("just words"));
    expect(lines).toMatchObject([{ message: "unexpected: just words" }]);
  });

  const course = (observer: Observer) => {
    observer.opened(connection);
    observer.opened({ ...connection, clientAddress: "" });
    observer.connected(connection);
    observer.halfClosed(connection, "client");
    observer.closed(connection, "finished");
  };

  test("a connection's course is not for everybody", async () => {
    expect(await observe("info", course)).toEqual([]);
  });

  test("a connection's course is there at debug", async () => {
    const lines = await observe("debug", course);
    expect(lines.map(({ message }) => String(message).replace(/\d+ ms/, "N ms"))).toEqual([
      "connection 7: opened by 127.0.0.1:5678",
      "connection 7: opened by a Unix client",
      "connection 7: reached the destination",
      "connection 7: the client sent its end of stream",
      "connection 7: finished after N ms, 1 byte up, 2,000 bytes down",
    ]);
    expect(lines.at(-1)).toMatchObject({
      level: "debug",
      event: "closed",
      connection: 7,
      client: "127.0.0.1:5678",
      ending: "finished",
      bytes_up: 1,
      bytes_down: 2_000,
      duration_ms: expect.any(Number),
    });
  });
});
