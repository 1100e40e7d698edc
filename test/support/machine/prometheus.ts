import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { startRelay } from "../process/executable.ts";
import { PATIENCE } from "../waiting.ts";
import { ENVIRONMENT } from "./container.ts";
import type { Host } from "./network.ts";

/** A value of a series, by its labels. */
export interface Point {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus that scrapes. */
export interface Prometheus extends AsyncDisposable {
  /** What an expression gives now. */
  query(expression: string): Promise<readonly Point[]>;
  /** The values of a label among series that match. */
  labelValues(label: string, match: string): Promise<readonly string[]>;
}

export interface PrometheusOptions {
  readonly host: Host;
  /** Holds its files. */
  readonly folder: string;
  /** The addresses to scrape, twice a second. */
  readonly targets: readonly string[];
  /** The path of a file of rules. */
  readonly rules: string;
}

/** Starts one on a host and waits until it answers. It is reached through a relay on that host. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const { host, folder, targets, rules } = options;
  const config = join(folder, "prometheus.json");
  writeFileSync(
    config,
    // JSON is YAML.
    JSON.stringify({
      global: { scrape_interval: "500ms", evaluation_interval: "500ms" },
      rule_files: [rules],
      scrape_configs: [{ job_name: "relay", static_configs: [{ targets }] }],
    }),
  );
  await using owner = new AsyncDisposableStack();
  const child = Bun.spawn(
    [
      ...[...host.prefix, "prometheus", `--config.file=${config}`],
      ...[`--storage.tsdb.path=${join(folder, "data")}`, "--web.listen-address=127.0.0.1:9090"],
    ],
    { env: ENVIRONMENT, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  owner.defer(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  const socketPath = join(folder, "prometheus");
  owner.use(await startRelay([socketPath, "127.0.0.1:9090"], { prefix: host.prefix }));
  await ready(socketPath);
  const kept = owner.move();
  return {
    async query(expression) {
      const path = `/api/v1/query?query=${encodeURIComponent(expression)}`;
      const { data } = await ask<{ data: { result: VectorSample[] } }>(socketPath, path);
      return data.result.map(({ metric, value: [, value] }) => ({
        labels: metric,
        value: Number(value),
      }));
    },
    async labelValues(label, match) {
      const path = `/api/v1/label/${label}/values?match[]=${encodeURIComponent(match)}`;
      return (await ask<{ data: string[] }>(socketPath, path)).data;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

// https://prometheus.io/docs/prometheus/latest/querying/api/#instant-vectors
interface VectorSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

async function ready(socketPath: string): Promise<void> {
  const deadline = performance.now() + 3 * PATIENCE;
  for (;;) {
    const answer = await fetchText(socketPath, "/-/ready").catch(() => null);
    if (answer?.status === 200) return;
    if (performance.now() > deadline) throw new Error("Prometheus does not get ready");
    await Bun.sleep(50);
  }
}

async function ask<Type>(socketPath: string, path: string): Promise<Type> {
  const { status, text } = await fetchText(socketPath, path);
  if (status !== 200) throw new Error(`Prometheus answers ${path} with ${status}: ${text}`);
  return JSON.parse(text);
}

function fetchText(socketPath: string, path: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const request = get({ socketPath, path, agent: false, headers: { host: "localhost" } });
  request.setTimeout(PATIENCE, () => request.destroy(new Error("Prometheus does not answer")));
  request.once("error", reject);
  request.once("response", (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part) => (text += part));
    response.once("error", reject);
    response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
  });
  return promise;
}
