import { get } from "node:http";
import { parseAddress } from "../../../src/address/address.ts";
import type { StatusDocument } from "../../../src/observe/admin/status-format.ts";
import {
  type RunningRelay,
  type RunOptions,
  startRelay,
} from "../../support/process/executable.ts";
import { readExposition, type Samples } from "../../support/exposition.ts";
import { PATIENCE } from "../../support/waiting.ts";

/** What an admin address answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** How to ask, where it is not a plain GET. */
export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks an admin address; rejects where nobody answers. */
export function ask(
  address: string,
  path: string,
  { method = "GET", headers = {} }: Asking = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = get({
    ...placeOf(address),
    path,
    method,
    headers: { host: "localhost", ...headers },
    agent: false,
    // The admin server bounds its processor time, which on a busy machine is little.
    signal: AbortSignal.timeout(3 * PATIENCE),
  });
  request.once("error", reject);
  request.once("response", (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part) => (text += part));
    response.once("error", reject);
    response.once("end", () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
    );
  });
  request.end();
  return promise;
}

function placeOf(address: string) {
  const endpoint = parseAddress(address, "destination");
  if (endpoint.kind === "tcp") return { host: endpoint.host, port: endpoint.port };
  return { socketPath: endpoint.kind === "unix" ? endpoint.path : `\0${endpoint.name}` };
}

/** The status; `query` as in a URL. */
export async function statusOf(address: string, query = ""): Promise<StatusDocument> {
  const { status, text } = await ask(address, `/status${query}`);
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return JSON.parse(text);
}

/** The metrics of the only relay, each by its name and labels without the program's and its own. */
export async function metricsOf(address: string): Promise<Samples> {
  const { text } = await ask(address, "/metrics");
  const own = Array.from(readExposition(text), ([name, value]) => {
    const short = name
      .replace(/^simpletcpunixrelay_/, "")
      .replace(/,?relay="[^"]*"/, "")
      .replace("{,", "{")
      .replace("{}", "");
    return [short, value] as const;
  });
  return new Map(own);
}

/** Asks until the answer is as wanted; gives the last one. */
export async function eventually<Value>(
  what: string,
  look: () => Promise<Value>,
  isWanted: (value: Value) => boolean,
  patience = PATIENCE,
): Promise<Value> {
  const deadline = performance.now() + patience;
  for (;;) {
    const value = await look();
    if (isWanted(value)) return value;
    if (performance.now() > deadline)
      throw new Error(`waited ${patience} ms for ${what}; at last: ${Bun.inspect(value)}`);
    await Bun.sleep(10);
  }
}

/** Waits until a metric has a value. */
export async function metricBecomes(
  address: string,
  name: string,
  isWanted: (value: number) => boolean,
): Promise<Samples> {
  return await eventually(
    name,
    () => metricsOf(address),
    (samples) => isWanted(samples.get(name) ?? 0),
  );
}

/** A relay with an admin address. */
export interface WatchedRelay extends RunningRelay {
  readonly admin: string;
}

/** Starts the executable with an admin address, a loopback port if not told. */
export async function startWatched(
  args: readonly string[],
  options: RunOptions & { readonly admin?: string } = {},
): Promise<WatchedRelay> {
  const { admin = "127.0.0.1:0", ...rest } = options;
  const relay = await startRelay([`--admin=${admin}`, ...args], rest);
  const [, address = ""] = /"event":"admin","address":"([^"]+)"/.exec(relay.stderr()) ?? [];
  return {
    ...relay,
    // A spread takes symbols along, but the type does not say so.
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    admin: address,
  };
}
