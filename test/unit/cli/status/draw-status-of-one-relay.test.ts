import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { sparkline } from "../../../../src/cli/status/sparkline.ts";
import { drawStatus, tableRoom } from "../../../../src/cli/status/draw-status-of-one-relay.ts";
import { cutTo, paintLine } from "../../../../src/cli/status/cut-to-terminal-width.ts";
import { drawRelays } from "../../../../src/cli/status/draw-status-of-all-relays.ts";
import { plainStatus } from "../../../../src/cli/status/plain-status.ts";
import type {
  OpenDocument,
  RelaySummary,
  StatusDocument,
} from "../../../../src/observe/admin/status-format.ts";
import { connection, relay, status } from "./sample-status.ts";
import { style } from "../../../../src/observe/log/terminal-style.ts";
import { holds } from "../../../support/property.ts";

describe("a sparkline", () => {
  test.each([
    [[], 4, "    "],
    [[0, 0], 4, "    "],
    [[1], 3, "  █"],
    [[1, 2, 3, 4, 5, 6, 7, 8], 8, "▂▃▄▅▆▇██"],
    [[0, 0.01, 100], 3, " ▁█"],
    [[5, 5, 1, 10], 2, "▁█"],
    [[1, 2], 0, ""],
    [[1, 2], -3, ""],
  ])("of %j in %d columns", (values, width, line) => {
    expect(sparkline(values, width)).toBe(line);
  });
});

describe("a line of text", () => {
  test.each([
    ["short", 10, "short"],
    ["exact", 5, "exact"],
    ["longer", 5, "long…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["e\u0301e\u0301e\u0301", 2, "e\u0301…"],
    ["x", 0, ""],
    ["", 0, ""],
  ])("%j in %d columns", (text, columns, cut) => {
    expect(cutTo(text, columns)).toBe(cut);
  });

  test("is cut before it is painted", () => {
    const { red } = style(true);
    const line = paintLine(["ab", ["cdef", red], "gh"], 4);
    expect(Bun.stripANSI(line)).toBe("abc…");
    expect(line).toBe(`ab${red("c…")}`);
  });
});

const plain = style(false);
const draw = (document: StatusDocument, columns = 120, rows?: number) =>
  drawStatus(document, { columns, style: plain, ...(rows !== undefined && { rows }) });

describe("a status", () => {
  test("has everything that a person asks for", () => {
    const text = draw(status([connection()])).join("\n");
    for (const part of [
      "simpletcpunixrelay 9.8.7, up for 1 h 1 min, process 42",
      "/run/in → 127.0.0.1:80",
      "\nready\n",
      "1.50 kB/s    5.00 MB      0 B",
      "2.50 MB/s    7.00 GB  4.10 kB",
      "of 100",
      "ended    finished 1,000, idle 4",
      "failed   ENOENT 20, ECONNREFUSED 3",
      "last     2026-01-01T00:10:00.000Z cannot reach it",
      "CPU 10 s in all, memory 50.0 MB, 12 of 1,024 descriptors, event loop late by 12.3 ms",
      "127.0.0.1:5678  open   1 min 2 s  10 B/s  20 B/s   5 B  1.00 kB  2.00 MB",
    ])
      expect(text).toContain(part);
    expect(text).not.toContain("refused");
    expect(text).not.toContain("log lines lost");
  });

  test("says why it is not ready, and that log lines were lost", () => {
    const text = draw(
      status([], {
        ready: false,
        not_ready_because: "draining",
        log_lines_dropped: 9,
      }),
    ).join("\n");
    expect(text).toContain("\nnot ready: draining\n");
    expect(text).toContain(", 9 log lines lost");
    expect(text).toContain("no open connections");
  });

  test("has CPU as a share where one came before", () => {
    const before = status();
    const after = status([], {
      uptime_seconds: 3_702,
      process: { ...before.process, cpu_seconds: 10.5 },
    });
    const lines = drawStatus(after, { columns: 100, style: plain, before });
    expect(lines.join("\n")).toContain("CPU 25.0 %");
    const another = drawStatus({ ...after, pid: 7 }, { columns: 100, style: plain, before });
    expect(another.join("\n")).toContain("CPU 11 s in all");
  });

  test("names Unix clients by their process", () => {
    const list = [
      connection({ client: "", client_uid: 1000, client_pid: 77 }),
      connection({ client: "" }),
    ];
    const text = draw(status(list)).join("\n");
    expect(text).toContain("user 1000, process 77");
    expect(text).toContain("a client");
  });

  test("says what processes before a handover still carry", () => {
    const { process: figures } = status();
    const text = draw(status([], { process: { ...figures, earlier_connections: 1 } })).join("\n");
    expect(text).toContain("handover 1 more open connection in earlier processes");
    expect(draw(status()).join("\n")).not.toContain("handover");
  });

  test("says how many workers run, and how many were asked for", () => {
    const { process: figures, options } = status();
    const drawn = (asked: string, workers: number | null) =>
      draw(
        status([], {
          options: { ...options, workers: asked },
          process: { ...figures, workers },
        }),
      ).join("\n");
    expect(drawn("8", 2)).toContain("CPU 10 s in all, 2 of 8 workers, memory 50.0 MB");
    expect(drawn("auto", 1)).toContain("CPU 10 s in all, 1 worker, memory");
    expect(drawn("1", 1)).not.toContain("worker");
    // A relay of an earlier release does not send the number.
    expect(drawn("8", null)).not.toContain("worker");
  });

  test("fits every terminal", () => {
    const open = Array.from({ length: 50 }, (_, id) => connection({ id }));
    holds(
      import.meta.path,
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 20, max: 80 }),
        (columns, rows) => {
          const list = open.slice(0, tableRoom(rows));
          const document = status(open);
          const shown = { ...document, open: { ...document.open, list } };
          const lines = draw(shown, columns, rows);
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });

  test("tells how many connections it does not show", () => {
    const open = Array.from({ length: 50 }, (_, id) => connection({ id }));
    const lines = draw(status(open), 120, 30);
    const rows = lines.filter((line) => line.startsWith("127.0.0.1:5678"));
    expect(lines.at(-1)).toBe(`and ${50 - rows.length} more`);
    expect(draw(status(open)).at(-1)).toStartWith("127.0.0.1:5678");
  });
});

/** A status of several relays, with connections of all. */
function ofRelays(relays: readonly RelaySummary[], open: readonly OpenDocument[]): StatusDocument {
  const document = status(open);
  return { ...document, relays, open: { ...document.open, of: "all", list: open } };
}

describe("a status of several relays", () => {
  const web = relay({ name: "web", open: 2 });
  const db = relay({ name: "db", ready: false, not_ready_because: "draining", source: null });
  const drawAll = (document: StatusDocument, columns = 200, rows?: number) =>
    drawRelays(document, { columns, style: plain, ...(rows !== undefined && { rows }) });

  test("has a line for each, those that are not ready first, and the connections of all", () => {
    const open = [connection({ relay: "web" }), connection({ relay: "db", id: 2 })];
    expect(drawAll(ofRelays([web, db], open))).toEqual([
      "simpletcpunixrelay 9.8.7, up for 1 h 1 min, process 42",
      "2 relays, not ready: db",
      "",
      expect.stringMatching(/^ {24}now {5}in all {5}held {2}the last 60 s$/),
      expect.stringMatching(/^from clients +1\.50 kB\/s +5\.00 MB +0 B .*█$/),
      expect.stringMatching(/^from destination +2\.50 MB\/s +7\.00 GB +4\.10 kB .*█$/),
      expect.stringMatching(/^open connections +2 +.*█$/),
      expect.stringMatching(/^new connections +1\/s +2,468 .*█$/),
      expect.stringMatching(/^failed +3\/s +46 .*█$/),
      "",
      "process  CPU 10 s in all, memory 50.0 MB, 12 of 1,024 descriptors, event loop late by 12.3 ms",
      "not ready db: draining",
      "",
      "RELAY  STATE      OPEN     RATE ↑     RATE ↓  FAILED  REFUSED  IN ALL  MAX  SOURCE         DESTINATION",
      "db     not ready     0  1.50 kB/s  2.50 MB/s      23        0   1,234  100  not listening  127.0.0.1:80",
      "web    ready         2  1.50 kB/s  2.50 MB/s      23        0   1,234  100  /run/in        127.0.0.1:80",
      "",
      "RELAY  CLIENT          STATE        AGE  RATE ↑  RATE ↓  HELD  BYTES ↑  BYTES ↓",
      "web    127.0.0.1:5678  open   1 min 2 s  10 B/s  20 B/s   5 B  1.00 kB  2.00 MB",
      "db     127.0.0.1:5678  open   1 min 2 s  10 B/s  20 B/s   5 B  1.00 kB  2.00 MB",
    ]);
  });

  test("shows names, states and figures on a narrow terminal", () => {
    const lines = drawAll(ofRelays([web, db], [connection({ relay: "web" })]), 60);
    expect(lines.join("\n")).toContain("RELAY  STATE      OPEN     RATE ↑     RATE ↓  FAILED");
    expect(lines.at(-1)).toStartWith("web    127.0.0.1:5678  open");
  });

  test("says how many relays and connections do not fit", () => {
    const relays = Array.from({ length: 200 }, (_, id) => relay({ name: `r${id}` }));
    const open = Array.from({ length: 50 }, (_, id) => connection({ id, relay: "r1" }));
    const lines = drawAll(ofRelays(relays, open), 100, 24);
    expect(lines).toHaveLength(24);
    const [relaysLeft, connectionsLeft] = lines.flatMap(
      (line) => /^and (\d+) more$/.exec(line)?.[1] ?? [],
    );
    expect(lines.filter((line) => /^r\d+ +ready/.test(line))).toHaveLength(
      200 - Number(relaysLeft),
    );
    expect(lines.filter((line) => /^r1 +127/.test(line))).toHaveLength(
      50 - Number(connectionsLeft),
    );
  });

  test("fits every terminal", () => {
    const relays = Array.from({ length: 30 }, (_, id) =>
      relay({
        name: `r${id}`,
        ready: id % 3 > 0,
        not_ready_because: id % 3 > 0 ? null : "draining",
      }),
    );
    const open = Array.from({ length: 50 }, (_, id) => connection({ id, relay: "r1" }));
    holds(
      import.meta.path,
      fc.property(
        fc.integer({ min: 1, max: 220 }),
        fc.integer({ min: 12, max: 80 }),
        fc.integer({ min: 0, max: 30 }),
        (columns, rows, count) => {
          const lines = drawAll(ofRelays(relays.slice(0, count), open), columns, rows);
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});

describe("a status for programs", () => {
  const PROCESS = "process\tsimpletcpunixrelay\t9.8.7\t42\t3700\t10\t50000000\t0\t-\t12\t1024\t";

  test("has the record's kind first in each line, and one tab between fields", () => {
    const open = [connection({ relay: "web" }), connection({ relay: "a b", id: 2 })];
    const web = relay({ name: "web" });
    expect(plainStatus(ofRelays([web, relay({ name: "a b" })], open))).toEqual([
      "PROCESS\tPROGRAM\tVERSION\tPID\tUPTIME\tCPU\tMEMORY\tHELD\tHELD_MAX\tFILES\tFILES_MAX\tOPEN\t" +
        "OPEN_MAX\tOPEN_EARLIER\tLOOP_DELAY\tLOG_LINES_LOST\tWORKERS",
      `${PROCESS}2\t-\t0\t0.0123\t0\t1`,
      "RELAY\tNAME\tSTATE\tOPEN\tRATE_UP\tRATE_DOWN\tFAILED\tREFUSED\tTOTAL\tOPEN_MAX\tSOURCE\t" +
        "DESTINATION\tWAITING_FOR_HEADER\tNOT_READY_BECAUSE\tCAPTURE_ENDED\tACCEPTING_PAUSED",
      "relay\tweb\tready\t0\t1500\t2500000\t23\t0\t1234\t100\t/run/in\t127.0.0.1:80\t0\t-\t-\t-",
      "relay\ta b\tready\t0\t1500\t2500000\t23\t0\t1234\t100\t/run/in\t127.0.0.1:80\t0\t-\t-\t-",
      "CONNECTION\tRELAY\tCLIENT\tSTATE\tAGE\tRATE_UP\tRATE_DOWN\tHELD\tBYTES_UP\tBYTES_DOWN",
      "connection\tweb\t127.0.0.1:5678\topen\t62\t10\t20\t5\t1000\t2000000",
      "connection\ta b\t127.0.0.1:5678\topen\t62\t10\t20\t5\t1000\t2000000",
    ]);
  });

  test("says which relay waits for headers, is not ready, or paused, and whose capture has ended", () => {
    const paused = ["connections_max", "memory_max"];
    const web = relay({ name: "web", waiting_for_header: 1_200, accepting_paused: paused });
    const ended = "its file was removed";
    const figures = { ready: false, not_ready_because: "draining", source: null } as const;
    const db = relay({ name: "db", capture_ended: ended, ...figures });
    const records = plainStatus(ofRelays([web, db], [])).map((line) => line.split("\t"));
    const [titles = [], ...relays] = records.filter(([kind]) => /^relay$/i.test(kind ?? ""));
    const columns = ["NAME", "STATE", "SOURCE", "WAITING_FOR_HEADER", "NOT_READY_BECAUSE"];
    const fields = [...columns, "CAPTURE_ENDED", "ACCEPTING_PAUSED"].map((title) =>
      titles.indexOf(title),
    );
    expect(relays.map((record) => fields.map((field) => record[field]))).toEqual([
      ["web", "ready", "/run/in", "1200", "-", "-", paused.join(",")],
      ["db", "not ready", "-", "0", "draining", ended, "-"],
    ]);
    const drawn = (each: ReturnType<typeof relay>) =>
      drawRelays(ofRelays([each, relay({ name: "other" })], []), { columns: 100, style: plain });
    expect(drawn(db)).toContain("capture  db: ended: its file was removed");
    expect(drawn(web)).toContain("paused   web: new clients wait: connections_max, memory_max");
  });

  test("of one relay has its traffic, its counts and its last failure as records, too", () => {
    const lines = plainStatus(status([connection()]));
    for (const line of [
      "traffic\t/run/in\t5000000\t7000000000\t0\t4096\t0\t1",
      "count\t/run/in\tended\tfinished\t1000",
      "count\t/run/in\tended\tidle\t4",
      "count\t/run/in\tfailed\tENOENT\t20",
      "failure\t/run/in\t2026-01-01T00:10:00.000Z\tENOENT\tcannot reach it",
    ])
      expect(lines).toContain(line);
    expect(lines.at(-1)).toStartWith("connection\t/run/in\t127.0.0.1:5678\topen\t");
    expect(lines.join("\n")).not.toContain("client reset");
    for (const line of lines) expect(line).not.toMatch(/ {2}|^ | $|\t\t|\t$|[^ -~\t]/);
  });

  test("says how many connections have no record", () => {
    const document = status([connection()]);
    const lines = plainStatus({ ...document, open: { ...document.open, matching: 1_234 } });
    expect(lines.slice(-2)).toEqual(["MORE\tCONNECTIONS", "more\t1233"]);
  });
});
