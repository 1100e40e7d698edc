import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StatusDocument } from "../../../src/observe/admin/status-format.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import {
  executablePath,
  runRelay,
  startRelay,
  turnedAway,
} from "../../support/process/executable.ts";
import { PATIENCE } from "../../support/waiting.ts";
import { ask, startWatched } from "./admin.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "status-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const start = (destination = "127.0.0.1:9") =>
  startWatched([join(folder, "source"), destination], { admin: join(folder, "admin") });

describe("status", () => {
  test("prints what a relay is doing, whatever kind of address it is asked at", async () => {
    using server = startEcho();
    for (const admin of [join(folder, "admin"), `@status-${crypto.randomUUID()}`, "127.0.0.1:0"]) {
      await using relay = await startWatched([join(folder, "source"), server.address], { admin });
      const connected = await connectEcho(relay.address);
      await connected.ask("hello");
      const { code, stdout, stderr } = await runRelay(["status", relay.admin]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^process\tsimpletcpunixrelay\t\\S+\t${relay.pid}\t`, "m"));
      expect(stdout).toContain(`relay\t${relay.address}\tready\t1\t`);
      expect(stdout).toContain(`\t${relay.address}\t${server.address}\t`);
      const client = `user ${process.getuid?.()}, process ${process.pid}`;
      expect(stdout).toContain(`connection\t${relay.address}\t${client}\topen\t`);
      // Nobody looks at a terminal here: there is no padding, and no space but the plain one.
      expect(stdout).not.toMatch(/ {2}| \n|[^ -~\t\n]/);
      // Each line is a record of a kind, or the titles of the records that follow.
      for (const line of stdout.trimEnd().split("\n"))
        expect(line).toMatch(/^(process|relay|traffic|count|failure|connection|more)\t/i);
      connected[Symbol.dispose]();
      await connected.closed;
      expect(await relay.stop()).toBe(0);
    }
  });

  test("lists more connections for programs than on a terminal", async () => {
    using server = startEcho();
    await using relay = await start(server.address);
    const clients = await Promise.all(Array.from({ length: 50 }, () => connectEcho(relay.address)));
    await Promise.all(clients.map((client) => client.ask("hello")));
    const { stdout } = await runRelay(["status", relay.admin]);
    const fields = stdout.split("\n").map((line) => line.split("\t"));
    const bytes = fields.map(([kind, , , , , , , , up]) =>
      kind === "connection" ? Number(up) : 0,
    );
    expect(bytes.reduce((sum, up) => sum + up)).toBe(50 * 5);
    expect(stdout).not.toContain("more\t");
    for (const client of clients) client[Symbol.dispose]();
  });

  test("--check says whether clients should be sent there, by the exit status", async () => {
    await using relay = await start(join(folder, "missing"));
    expect(await runRelay(["status", "--check", relay.admin])).toEqual({
      ...{ code: 0, stdout: "ready\n", stderr: "" },
    });
    await turnedAway({ unix: relay.address });
    const { code, stdout, stderr } = await runRelay(["status", "--check", relay.admin]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^simpletcpunixrelay: not ready: .* cannot reach .*\n$/);
    expect(await runRelay(["status", "--check", join(folder, "nobody")])).toMatchObject({
      code: 1,
    });
  });

  test("--check --json says the same as JSON, also if nobody answers", async () => {
    await using relay = await start(join(folder, "missing"));
    const check = ["status", "--check", "--json"];
    expect(await runRelay([...check, relay.admin])).toEqual({
      ...{ code: 0, stdout: '{"ready":true,"not_ready_because":null}\n', stderr: "" },
    });
    await turnedAway({ unix: relay.address });
    for (const admin of [relay.admin, join(folder, "nobody")]) {
      const { code, stdout, stderr } = await runRelay([...check, admin]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
      expect(JSON.parse(stdout)).toEqual({
        ready: false,
        not_ready_because: expect.stringMatching(/cannot reach|cannot ask/),
      });
    }
  });

  test.each([1, 3])(
    "sees at once that the source's file is gone, with %i workers",
    async (workers) => {
      await using relay = await startWatched([
        ...[`--workers=${workers}`, join(folder, "source"), "127.0.0.1:9"],
      ]);
      const code = async () => (await ask(relay.admin, "/readyz")).status;
      expect(await code()).toBe(200);
      renameSync(relay.address, join(folder, "moved"));
      expect(await code()).toBe(503);
      renameSync(join(folder, "moved"), relay.address);
      expect(await code()).toBe(200);
    },
  );

  test("a port that is no admin port gets a hint", async () => {
    await using relay = await startWatched(["127.0.0.1:0", "127.0.0.1:9", "--metrics=@no-admin"]);
    for (const other of [relay.address, "@no-admin"]) {
      const { code, stderr } = await runRelay(["status", other]);
      expect(code).toBe(1);
      expect(stderr).toContain("give the address of --admin, not SOURCE, DESTINATION or --metrics");
    }
  });

  test("--wait waits until there is a relay that is ready, and no longer than told", async () => {
    const admin = join(folder, "admin");
    const waiting = runRelay(["status", "--wait=60s", "--check", admin]);
    await using _relay = await start();
    expect(await waiting).toMatchObject({ code: 0, stdout: "ready\n" });
    const { code, stderr } = await runRelay(["status", "--wait=300ms", join(folder, "nobody")]);
    expect(code).toBe(1);
    expect(stderr).toContain("cannot ask ");
  });

  test("--json is what /status answers", async () => {
    await using relay = await start();
    const { code, stdout } = await runRelay(["status", "--json", relay.admin]);
    expect(code).toBe(0);
    const status: StatusDocument = JSON.parse(stdout);
    expect(status).toMatchObject({ pid: relay.pid, source: relay.address, open: { sort: "rate" } });
  });

  test("--sort is the order of the list", async () => {
    await using relay = await start();
    const { stdout } = await runRelay(["status", "--json", "--sort=newest", relay.admin]);
    expect(JSON.parse(stdout)).toMatchObject({ open: { sort: "newest" } });
  });

  test("where nobody answers is one line and 1", async () => {
    const missing = join(folder, "missing");
    expect(await runRelay(["status", missing])).toEqual({
      code: 1,
      stdout: "",
      stderr:
        `simpletcpunixrelay: cannot ask ${missing}: no such file or directory (ENOENT); ` +
        "is it a running relay's --admin address?\n",
    });
  });

  test.each([
    ["talks something else", "what?\r\n\r\n", ""],
    ["is another web server", "HTTP/1.0 200 OK\r\n\r\n<html>", ""],
    ["answers with an error", "HTTP/1.0 500 No\r\n\r\nno", ""],
    ["answers with little", "HTTP/1.0 200 OK\r\n\r\n{}", ": program of the answer is not a string"],
  ])("where somebody %s is one line and 1", async (_, answer, reason) => {
    const path = join(folder, "other");
    const other = Bun.listen({
      unix: path,
      socket: { data: (socket) => void socket.end(answer) },
    });
    const { code, stderr } = await runRelay(["status", path]);
    other.stop(true);
    expect(stderr).toBe(
      `simpletcpunixrelay: ${path} does not answer as a relay's --admin address would${reason}; ` +
        "give the address of --admin, not SOURCE, DESTINATION or --metrics\n",
    );
    expect(code).toBe(1);
  });

  describe("a false relay", () => {
    /** What every kind of `status` prints if somebody sends such a document. */
    async function printed(document: unknown): Promise<string> {
      const path = join(folder, "false");
      const answer = `HTTP/1.0 200 OK\r\n\r\n${JSON.stringify(document)}`;
      const other = Bun.listen({
        unix: path,
        socket: { data: (socket) => void socket.end(answer) },
      });
      const outcomes = await Promise.all([
        runRelay(["status", path]),
        runRelay(["status", "--json", path]),
      ]);
      other.stop(true);
      return outcomes.map(({ stdout, stderr }) => stdout + stderr).join("");
    }

    const EVIL = "\u001b]0;x\u0007\u009b2J\u202e\r\u2028";
    // What a terminal obeys, line feeds apart, and what reorders text.
    // A tab separates the fields of a record.
    const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/;

    test("cannot make a terminal obey, in strings or where numbers should be", async () => {
      await using relay = await start();
      const { stdout } = await runRelay(["status", "--json", relay.admin]);
      const good: Record<string, unknown> = JSON.parse(stdout);
      for (const name of ["version", "pid", "uptime_seconds", "destination", "options", "open"]) {
        const text = await printed({ ...good, [name]: EVIL });
        expect(text).not.toBe("");
        expect(text).not.toMatch(OBEYED);
      }
      expect(await printed({ ...good, pid: "7" })).toContain("pid of the answer is not a number");
    });
  });

  test.each([
    [["status"], "ADMIN-ADDRESS is missing\nTry: simpletcpunixrelay status --help\n"],
    [["status", "192.0.2.1:80"], 'ADMIN-ADDRESS "192.0.2.1:80" is not loopback'],
    [["status", "nonsense"], "ADMIN-ADDRESS"],
    [["status", "./a", "./b"], "one argument too many"],
    [["status", "--sort=size", "./a"], "not one of age, newest, bytes, rate, held"],
    [["status", "--admin=./a", "./a"], "is not an option of status"],
    [["status", "--watch", "./a"], "--watch needs a terminal"],
  ])("%j is a usage error", async (args, reason) => {
    const { code, stderr } = await runRelay(args);
    expect(code).toBe(64);
    expect(stderr).toContain(reason);
  });

  test("does not ask a proxy", async () => {
    await using relay = await startWatched([join(folder, "source"), "127.0.0.1:9"]);
    const env = { http_proxy: "http://127.0.0.1:1", HTTP_PROXY: "http://127.0.0.1:1" };
    expect(await runRelay(["status", relay.admin], { env })).toMatchObject({ code: 0 });
  });
});

describe("several relays", () => {
  /** Starts the relays `web`, which works, and `db`, whose destination is missing. */
  async function startTwo(server: { readonly address: string }) {
    const admin = join(folder, "admin");
    const file = join(folder, "relays.toml");
    const [web, db, missing] = ["web", "db", "missing"].map((name) => join(folder, name));
    writeFileSync(
      file,
      `admin = "${admin}"\n[relay.web]\nsource = "${web}"\ndestination = "${server.address}"\n` +
        `[relay.db]\nsource = "${db}"\ndestination = "${missing}"\n`,
    );
    const relay = await startRelay([`--config=${file}`]);
    await relay.logged(/"relay":"db","event":"listening"|"event":"listening".*"relay":"db"/);
    return { relay, admin, web: web ?? "", db: db ?? "" };
  }

  test("have a record each, and their connections; --relay shows one", async () => {
    using server = startEcho();
    const { relay, admin, web, db } = await startTwo(server);
    await using _relay = relay;
    using client = await connectEcho(web);
    await client.ask("hello");
    await turnedAway({ unix: db });
    const { code, stdout } = await runRelay(["status", admin]);
    expect(code).toBe(0);
    const records = stdout.split("\n").filter((line) => /^[a-z]+\t(web|db)\t/.test(line));
    expect(records.map((line) => line.split("\t").slice(0, 4))).toEqual([
      ["relay", "web", "ready", "1"],
      ["relay", "db", "not ready", "0"],
      ["connection", "web", expect.stringMatching(/^user \d+, process \d+$/), "open"],
    ]);
    const one = await runRelay(["status", "--relay=web", admin]);
    expect(one.stdout).toContain("relay\tweb\tready\t1\t");
    expect(one.stdout).toContain(`\t${web}\t${server.address}\t`);
    expect(one.stdout).not.toMatch(/^[a-z]+\tdb\t/m);
    expect(await runRelay(["status", "--relay=other", admin])).toEqual({
      ...{ code: 1, stdout: "" },
      stderr: 'simpletcpunixrelay: there is no relay "other"; there are web, db\n',
    });
    const json = await runRelay(["status", "--json", admin]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      open: { of: "all", list: [{ relay: "web" }] },
    });
    const checks = await Promise.all(
      [[], ["--relay=web"], ["--relay=db"]].map((one) =>
        runRelay(["status", "--check", ...one, admin]),
      ),
    );
    expect(checks.map(({ code }) => code)).toEqual([1, 0, 1]);
    expect(checks[0]?.stderr).toMatch(/not ready: db: \d+ s ago: cannot reach/);
  });

  test("--watch shows them with the relay's name at each connection", async () => {
    using server = startEcho();
    const { relay, admin, web } = await startTwo(server);
    await using _relay = relay;
    using client = await connectEcho(web);
    await client.ask("hello");
    using screen = await watch(admin);
    await screen.shows(
      /2 relays, all ready.*open connections +1 .*RELAY +STATE.*web +ready.*web +user \d+/s,
    );
    screen.press("q");
    expect(await screen.exited).toBe(0);
  });
});

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

/** `status --watch` on a terminal of its own. */
class Watch implements Disposable {
  output = "";
  readonly #child: Bun.Subprocess;
  #woken = Promise.withResolvers<void>();

  constructor(argv: readonly string[], columns = 80, rows = 24) {
    const decoder = new TextDecoder();
    this.#child = Bun.spawn([...argv], {
      env: { TERM: "xterm" },
      terminal: {
        cols: columns,
        rows,
        data: (_, bytes) => {
          this.output += decoder.decode(bytes, { stream: true });
          this.#woken.resolve();
          this.#woken = Promise.withResolvers();
        },
      },
    });
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  /** Settles when what it draws from now on matches, colours aside. */
  async shows(pattern: RegExp): Promise<void> {
    const from = this.output.length;
    const late = setTimeout(() => this.#woken.reject(new Error(this.output)), PATIENCE);
    while (!pattern.test(Bun.stripANSI(this.output.slice(from)))) await this.#woken.promise;
    clearTimeout(late);
  }

  press(key: string): void {
    this.#child.terminal?.write(key);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    this.#child.terminal?.close();
  }
}

const watch = async (admin: string, ...rest: readonly string[]) =>
  new Watch([await executablePath(), "status", "--watch", ...rest, admin]);

describe("status --watch", () => {
  test("shows news in place, and why a destination is not reached", async () => {
    await using relay = await start(join(folder, "missing"));
    using screen = await watch(relay.admin);
    await screen.shows(/ready.*failed +0\/s +0/s);
    expect(screen.output).toStartWith(ENTER);
    await turnedAway({ unix: relay.address });
    await screen.shows(/not ready: .*ENOENT 1/s);
    // In place: the second picture begins at the top again, and clears nothing.
    expect(screen.output.split("\u001b[H").length).toBeGreaterThan(2);
    expect(screen.output).not.toContain("\u001b[2J");
    screen.press("q");
    expect(await screen.exited).toBe(0);
  });

  test.each([
    ["q", (screen: Watch) => screen.press("q")],
    ["Escape", (screen: Watch) => screen.press("\u001b")],
    ["Ctrl-C", (screen: Watch) => screen.press("\u0003")],
    ["INT", (screen: Watch) => screen.kill("SIGINT")],
    ["TERM", (screen: Watch) => screen.kill("SIGTERM")],
  ])("gives the terminal back on %s", async (_, end) => {
    await using relay = await start();
    using screen = await watch(relay.admin);
    await screen.shows(/q: quit/);
    end(screen);
    expect(await screen.exited).toBe(0);
    expect(screen.output).toEndWith(LEAVE);
  });

  test("s sorts by the next figure", async () => {
    await using relay = await start();
    using screen = await watch(relay.admin, "--sort=age");
    await screen.shows(/sort order \(now age\)/);
    screen.press("s");
    await screen.shows(/sort order \(now newest\)/);
    screen.press("q");
    expect(await screen.exited).toBe(0);
  });

  test("waits for a relay that is restarted", async () => {
    await using first = await start();
    using screen = await watch(first.admin);
    await screen.shows(/ready/);
    await first.stop();
    await screen.shows(/cannot ask .*ENOENT/);
    await using _second = await start();
    await screen.shows(/process \d+.*ready/s);
    screen.press("q");
    expect(await screen.exited).toBe(0);
  });

  test("with --json is a line a second, on no terminal", async () => {
    await using relay = await start();
    const child = Bun.spawn([await executablePath(), "status", "--watch", "--json", relay.admin], {
      env: {},
      stdout: "pipe",
    });
    let text = "";
    for await (const part of child.stdout) {
      text += Buffer.from(part).toString();
      if (text.split("\n").length > 2) child.kill("SIGINT");
    }
    expect(await child.exited).toBe(0);
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line): StatusDocument => JSON.parse(line));
    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(lines.every(({ pid }) => pid === relay.pid)).toBe(true);
  });
});
