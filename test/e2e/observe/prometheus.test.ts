import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENVIRONMENT } from "../../support/machine/container.ts";
import { makeNetwork, type Network, networkNeeds } from "../../support/machine/network.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { type Point, type Prometheus, startPrometheus } from "../../support/machine/prometheus.ts";
import { executablePath, startRelay, turnedAway } from "../../support/process/executable.ts";
import { runProgram } from "../../support/process/program.ts";
import { connectEcho, type EchoClient, startEcho } from "../../support/sockets/echo.ts";
import { ask, eventually } from "./admin.ts";

// A real Prometheus on another host scrapes relays whose faults are real. It reads the rules of the
// repository, with their times shortened.

const dashboards = join(import.meta.dir, "../../../src/observe/dashboards");

// Rates look back over this time, and alerts fire within it and clear after it.
const WINDOW = "5s";
const PATIENCE = 90_000;

/** The alerts, and the labels of the relay whose fault fires them here. */
const ALERTS = [
  ["RelayDown", { instance: "killed" }],
  ["RelayNotReady", { relay: "gone" }],
  ["RelayDestinationRefuses", { relay: "gone" }],
  ["RelayFaults", { relay: "mount-point" }],
  ["RelayEventLoopDelayed", { instance: "several" }],
  ["RelayDescriptorsNearLimit", { instance: "full" }],
  ["RelayConnectionsNearLimit", { relay: "full" }],
  ["RelayProcessConnectionsNearLimit", { instance: "shared" }],
  ["RelayAcceptsNobody", { relay: "full" }],
  ["RelayLogLinesDropped", { instance: "several" }],
  ["RelayHoldsMemory", { instance: "holding" }],
  ["RelayCaptureEnded", { relay: "captured" }],
] as const;

const needs = [...networkNeeds, ...["prometheus", "curl", "mkfifo", "mount"].map(program)];

await describeNeeding("a Prometheus in another network namespace", needs, () => {
  const owner = new AsyncDisposableStack();
  let folder: string;
  let network: Network;
  let prometheus: Prometheus;
  /** Causes all faults; each function that it gives ends one. */
  const mends: (() => Promise<void> | void)[] = [];
  /** Each process' address, and its name in `ALERTS`. */
  const instances = new Map<string, string>();

  const at = (name: string) => join(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "prometheus-"));
    owner.defer(() => rmSync(folder, { recursive: true }));
    network = owner.use(await makeNetwork());
    owner.use(startEcho(at("echo")));
    const names = ["killed", "full", "several", "mount-point", "holding", "shared"];
    for (const [index, name] of names.entries())
      instances.set(name, `${network.near.address}:${9_100 + index}`);
    const rules = at("rules.yaml");
    writeFileSync(
      rules,
      readFileSync(join(dashboards, "prometheus-rules.yaml"), "utf8")
        .replaceAll(/for: \d+m/g, "for: 1s")
        .replaceAll(/\[\d+m\]/g, `[${WINDOW}]`),
    );
    const { far: host } = network;
    const targets = [...instances.values()];
    prometheus = owner.use(await startPrometheus({ host, folder, targets, rules }));
  }, 120_000);

  afterAll(() => owner.disposeAsync(), 120_000);

  const metrics = (name: string) => `--metrics=${instances.get(name)}`;

  async function start(name: string, args: readonly string[], prefix: readonly string[] = []) {
    const relay = await startRelay([metrics(name), ...args], {
      prefix: [...network.near.prefix, ...prefix],
    });
    owner.use(relay);
    return relay;
  }

  async function connectMany(path: string, count: number): Promise<readonly EchoClient[]> {
    const clients: EchoClient[] = [];
    for (let index = 0; index < count; index += 1) {
      const client = await connectEcho(path);
      await client.ask("hello");
      clients.push(client);
    }
    return clients;
  }

  /** The relay `killed` is, and is again after its mend. */
  async function startKilled(): Promise<void> {
    const relay = await start("killed", [at("killed"), at("echo")]);
    mends.push(async () => {
      rmSync(at("killed"), { force: true });
      await start("killed", [at("killed"), at("echo")]);
    });
    faults.push(async () => void (await relay.stop("SIGKILL")));
  }

  /** Causes what `mends` ends. */
  const faults: (() => Promise<void>)[] = [];

  /** All connections that its descriptors allow are open. */
  async function startFull(): Promise<void> {
    const few = ["prlimit", "--nofile=1024"];
    const relay = await start("full", ["--name=full", at("full"), at("echo")], few);
    const most = Number(/"connections_max":(\d+)/.exec(relay.stderr())?.[1]);
    faults.push(async () => {
      const clients = await connectMany(at("full"), most);
      mends.push(() => clients.forEach((client) => client[Symbol.dispose]()));
    });
  }

  /** Two relays of one process, whose log nobody reads and which has no processor time now and then. */
  async function startSeveral(): Promise<void> {
    await runProgram(["mkfifo", at("log")], { env: ENVIRONMENT });
    const reader = openSync(at("log"), constants.O_RDWR | constants.O_NONBLOCK);
    const writer = openSync(at("log"), constants.O_WRONLY);
    writeFileSync(
      at("relays.toml"),
      `metrics = "${instances.get("several")}"
       admin = "${at("admin")}"
       connections-max = 1000
       access-log = true
       log-format = "json"
       [relay.served]
       source = "${at("served")}"
       destination = "${at("echo")}"
       [relay.gone]
       source = "${at("gone")}"
       destination = "${at("service")}"`,
    );
    const argv = [...network.near.prefix, await executablePath(), `--config=${at("relays.toml")}`];
    const relay = Bun.spawn(argv, { env: {}, stdin: "ignore", stdout: "ignore", stderr: writer });
    owner.defer(async () => {
      relay.kill("SIGKILL");
      await relay.exited;
      for (const fd of [reader, writer]) closeSync(fd);
    });
    const isReady = () =>
      ask(at("admin"), "/readyz").then(
        ({ status }) => status === 200,
        () => false,
      );
    await eventually("the relays", isReady, (ready) => ready);

    faults.push(async () => {
      await Promise.all(Array.from({ length: 50 }, () => carryAndClose(at("served"), 80)));
    });
    mends.push(async () => {
      const drained = new Uint8Array(65_536);
      const read = () => {
        try {
          return readSync(reader, drained);
        } catch {
          // EAGAIN: the pipe is empty.
          return 0;
        }
      };
      for (let quiet = 0; quiet < 20; quiet = read() > 0 ? 0 : quiet + 1) await Bun.sleep(20);
    });

    // While the fault lasts, clients come again and again.
    faults.push(async () => {
      await turnedAway({ unix: at("gone") });
      const ended = again(100, () => turnedAway({ unix: at("gone") }));
      mends.push(async () => {
        await ended();
        owner.use(startEcho(at("service")));
        await carryAndClose(at("gone"), 1);
      });
    });

    faults.push(async () => {
      const ended = again(200, async () => {
        relay.kill("SIGSTOP");
        await Bun.sleep(200);
        relay.kill("SIGCONT");
      });
      mends.push(ended);
    });
    // Not a fault, but what the dashboard's panels are about.
    faults.push(async () => {
      mends.push(again(50, () => carryAndClose(at("served"), 1)));
    });
  }

  /** Clients that send as much as they can to a destination that does not read. */
  async function startHolding(): Promise<void> {
    const path = at("stubborn");
    const readers: Bun.Socket[] = [];
    const socket = {
      open(reader: Bun.Socket) {
        reader.pause();
        readers.push(reader);
      },
      data() {},
    };
    const stubborn = Bun.listen({ unix: path, socket });
    owner.defer(() => stubborn.stop(true));
    await start("holding", ["--name=holding", "--memory-max=4M", at("holding"), path]);
    const piece = new Uint8Array(65_536);
    const flood = (client: Bun.Socket) => {
      while (client.write(piece) === piece.length);
    };
    faults.push(async () => {
      const clients: Bun.Socket[] = [];
      mends.push(() => {
        for (const client of clients) client.terminate();
        for (const reader of readers) reader.resume();
      });
      for (let count = 0; count < 500; count += 1) {
        const handlers = { open: flood, drain: flood, data() {} };
        clients.push(await Bun.connect({ unix: at("holding"), socket: handlers }));
      }
    });
  }

  /** Two relays with one limit, which one of them reaches; the capture of the other one is removed. */
  async function startShared(): Promise<void> {
    writeFileSync(
      at("shared.toml"),
      `metrics = "${instances.get("shared")}"
       connections-max = 20
       [relay.crowded]
       source = "${at("crowded")}"
       destination = "${at("echo")}"
       [relay.captured]
       source = "${at("captured")}"
       destination = "${at("echo")}"
       capture = "${at("capture")}"`,
    );
    const relay = await startRelay([`--config=${at("shared.toml")}`], {
      prefix: network.near.prefix,
    });
    owner.use(relay);
    await relay.logged(/"event":"listening".*captured|captured.*"event":"listening"/);
    faults.push(async () => {
      const clients = await connectMany(at("crowded"), 19);
      rmSync(at("capture"));
      await carryAndClose(at("captured"), 1);
      mends.push(async () => {
        clients.forEach((client) => client[Symbol.dispose]());
        process.kill(relay.pid, "SIGHUP");
        await relay.logged(/"event":"took_over"/);
      });
    });
  }

  /** A source whose file cannot be removed, because it is a mount point. */
  async function startMountPoint(): Promise<void> {
    const source = at("mount-point");
    const args = ["--name=mount-point", "--drain-timeout=1h", source, at("echo")];
    const relay = await start("mount-point", args);
    faults.push(async () => {
      const [client] = await connectMany(source, 1);
      const mounted = async (...command: readonly string[]) => {
        const { code, stderr } = await runProgram(command, { env: ENVIRONMENT });
        if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
      };
      await mounted("mount", "--bind", source, source);
      owner.defer(() => mounted("umount", "--lazy", source));
      void relay.stop();
      await relay.logged(/EBUSY/);
      // A drain waits only for connections on which something moves.
      const ended = again(200, () => client?.ask("hello"));
      owner.defer(async () => {
        await ended();
        client?.[Symbol.dispose]();
      });
    });
  }

  async function carryAndClose(path: string, count: number): Promise<void> {
    for (let index = 0; index < count; index += 1)
      for (const client of await connectMany(path, 1)) {
        client[Symbol.dispose]();
        await client.closed;
      }
  }

  /** Waits until what an expression gives is as wanted. */
  const becomes = (expression: string, isWanted: (points: readonly Point[]) => boolean) =>
    eventually(expression, () => prometheus.query(expression), isWanted, PATIENCE);

  test("scrapes each relay through --metrics", async () => {
    await Promise.all([
      startKilled(),
      startFull(),
      startSeveral(),
      startMountPoint(),
      startHolding(),
      startShared(),
    ]);
    await becomes("up == 1", (points) => points.length === instances.size);
    const relays = await prometheus.labelValues("relay", "simpletcpunixrelay_info");
    expect(relays.toSorted()).toEqual([
      at("killed"),
      "captured",
      "crowded",
      "full",
      "gone",
      "holding",
      "mount-point",
      "served",
    ]);
    expect(await prometheus.query("ALERTS")).toEqual([]);
  }, 120_000);

  test("curl there gets three paths for any Host, and no other", async () => {
    const codes = async (...args: readonly string[]) => {
      const urls = ["/metrics", "/healthz", "/readyz", "/", "/status", "/page"].flatMap((path) => [
        ...["--output", "/dev/null"],
        `http://${instances.get("full")}${path}`,
      ]);
      const curl = ["curl", "--silent", "--write-out", "%{http_code} ", ...args, ...urls];
      const { stdout } = await runProgram([...network.far.prefix, ...curl], { env: ENVIRONMENT });
      return stdout.trim();
    };
    for (const host of ["Host: relay.example", "Host: localhost", "Host: 10.0.0.1:1", "Host:"])
      expect(await codes("--header", host)).toBe("200 200 200 404 404 404");
  });

  describe("alerts", () => {
    beforeAll(async () => {
      await Promise.all(faults.map((cause) => cause()));
    }, 120_000);

    test.each(ALERTS)(
      "%s fires by a real fault of %j",
      async (alert, labels) => {
        await becomes(firing(alert), (points) => points.some((point) => isOf(point, labels)));
      },
      120_000,
    );
  });

  describe("the dashboard", () => {
    test("has the relays of a process to choose from", async () => {
      const [, query = ""] = /label_values\((.*), relay\)/.exec(variable("relay")) ?? [];
      const instance = instances.get("several") ?? "";
      const relays = await prometheus.labelValues("relay", filled(query, { instance, relay: "" }));
      expect(relays.toSorted()).toEqual(["gone", "served"]);
    });

    test.each(panels())(
      "panel %s: the answers are about the chosen relay",
      async (title, expr) => {
        const chosen = RELAY_OF_PANEL[title] ?? "served";
        const instance = instances.get(chosen === "full" ? "full" : "several") ?? "";
        const expression = filled(expr, { instance, relay: chosen });
        const points = await becomes(expression, (found) => found.some(({ value }) => value >= 0));
        for (const { labels } of points) {
          expect([undefined, instance]).toContain(labels["instance"]);
          expect([undefined, chosen]).toContain(labels["relay"]);
        }
        // Of a relay that does not exist there is nothing, except for figures of the process.
        const nobody = await prometheus.query(filled(expr, { instance, relay: "nobody" }));
        if (expr.includes("$relay") && !expr.includes("vector(0)")) expect(nobody).toEqual([]);
      },
      120_000,
    );

    test("has the figures that are true", async () => {
      const value = async (title: string, relay: string) => {
        const [, expr = ""] = panels().find(([name]) => name === title) ?? [];
        const instance = instances.get(relay === "full" ? "full" : "several") ?? "";
        const [point] = await prometheus.query(filled(expr, { instance, relay }));
        return point?.value;
      };
      const [open] = await prometheus.query('simpletcpunixrelay_connections_max{relay="full"}');
      expect(await value("Open connections", "full")).toBe(open?.value ?? NaN);
      expect(await value("Ready", "full")).toBe(1);
      expect(await value("Ready", "gone")).toBe(0);
      expect(await value("Failed", "served")).toBe(0);
      expect(await value("Failed", "gone")).toBeGreaterThan(5);
      expect(await value("Log lines dropped", "served")).toBeGreaterThan(0);
    });
  });

  describe("alerts", () => {
    beforeAll(async () => {
      await Promise.all(mends.map((mend) => mend()));
    }, 120_000);

    test.each(ALERTS)(
      "%s clears when the fault of %j is over",
      async (alert, labels) => {
        await becomes(firing(alert), (points) => !points.some((point) => isOf(point, labels)));
      },
      120_000,
    );
  });

  const firing = (alert: string) => `ALERTS{alertname="${alert}",alertstate="firing"}`;

  function isOf({ labels }: Point, wanted: Readonly<Record<string, string>>): boolean {
    return Object.entries(wanted).every(([name, value]) =>
      name === "instance" ? labels[name] === instances.get(value) : labels[name] === value,
    );
  }
});

test("each alert of the rules is tried", () => {
  const rules = readFileSync(join(dashboards, "prometheus-rules.yaml"), "utf8");
  const alerts = Array.from(rules.matchAll(/alert: (\w+)/g), ([, alert = ""]) => alert);
  const tried = ALERTS.map(([alert]) => alert);
  expect(new Set<string>(tried)).toEqual(new Set(alerts));
});

/** The panels whose figures are of another relay than `served`, which has connections and no failures. */
const RELAY_OF_PANEL: Readonly<Record<string, string>> = {
  Ready: "full",
  "Open connections": "full",
  Failed: "gone",
  "New, failed and refused connections": "gone",
};

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}

function dashboard(): Dashboard {
  return JSON.parse(readFileSync(join(dashboards, "grafana-dashboard.json"), "utf8"));
}

function panels(): readonly (readonly [title: string, expression: string])[] {
  return dashboard().panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => [title, expr] as const),
  );
}

function variable(wanted: string): string {
  const found = dashboard().templating.list.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`no variable ${wanted}`);
  return typeof found.query === "string" ? found.query : found.query.query;
}

/** An expression as Grafana sends it. */
function filled(
  expression: string,
  { instance, relay }: { readonly instance: string; readonly relay: string },
): string {
  return expression
    .replaceAll("$__rate_interval", WINDOW)
    .replaceAll("$__range", "1m")
    .replaceAll("$job", "relay")
    .replaceAll("$instance", instance)
    .replaceAll("$relay", relay);
}

/** Does something again and again, with pauses; gives what ends that. */
function again(pause: number, deed: () => Promise<void> | undefined): () => Promise<void> {
  let goesOn = true;
  const done = (async () => {
    while (goesOn) {
      await deed();
      await Bun.sleep(pause);
    }
  })();
  return async () => {
    goesOn = false;
    await done;
  };
}
