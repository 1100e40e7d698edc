import { createHash, randomFillSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AddressError, printAddress } from "../../address/address.ts";
import { createRelay } from "../../library/create-relay.ts";
import { quote } from "../../address/quote-word.ts";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { RelayError } from "../../relay/error.ts";
import type { ConnectionView } from "../../relay/observer.ts";
import type { Relay } from "../../relay/relay-interface.ts";
import { mayPaint, style } from "../../observe/log/terminal-style.ts";
import { PROGRAM } from "../../program/version.ts";
import { readValues } from "../line/typed-option-values.ts";
import type { CommandLine } from "../line/parse-command-line.ts";
import { drawDemo, drawNextSteps, type Trial } from "./draw-demo.ts";
import { reportFaults } from "../../process/uncaught-errors.ts";
import { complain, writeAnswer } from "../line/write-output.ts";
import { stopRequests } from "../../process/stop-signals.ts";

const LOOPBACK = "127.0.0.1";
const UPLOAD_BYTES = 64 * 1024 * 1024;
// The maximum length of the temporary folder's path, in bytes. The demo makes a folder there, and a
// socket in the new folder. The socket's path may have at most 107 bytes, because some programs
// cannot use a longer path.
const FOLDER_BYTES_MOST = 107 - `/${PROGRAM}-XXXXXX/socket`.length;
const GREETING = "Hello from behind the relay.\n";

/**
 * Runs a chain of two relays: from an outer port to a Unix socket, and from that socket to a web
 * service.
 */
export async function runDemo({ given }: CommandLine): Promise<number> {
  const { hold } = readValues("demo", given);
  // Set a umask of the demo's own, because the user's umask may take away rights that the demo
  // itself needs.
  process.umask(0o077);
  using requests = stopRequests();
  const fault = Promise.withResolvers<never>();
  using _faults = reportFaults(fault.reject);
  try {
    return await Promise.race([show(hold, requests.asked), fault.promise]);
  } catch (error) {
    if (!(
      error instanceof DemoError ||
      error instanceof RelayError ||
      error instanceof AddressError
    ))
      throw error;
    await complain(`${PROGRAM} demo: ${error.message}\n`);
    return 1;
  }
}

class DemoError extends Error {
  override readonly name = "DemoError";
}

/**
 * Starts the chain of relays, sends data through the Unix socket and through the outer port, and
 * prints the result. If `hold` is true, the chain keeps running after this until `asked` settles.
 * Returns the exit status.
 */
async function show(hold: boolean, asked: Promise<void>): Promise<number> {
  await using chain = await startChain();
  const stopped = asked.then(() => undefined);
  const trials = await Promise.race([tryBoth(chain), stopped]);
  if (trials === undefined) return 0;
  const look = style(mayPaint(1));
  const picture = {
    outer: { address: printAddress(chain.outer.relay.endpoint), ...figures(chain.outer) },
    socket: { address: chain.path, ...figures(chain.inner) },
    service: { address: chain.service },
    trials,
  };
  const status = await writeAnswer(drawDemo(picture, look) + drawNextSteps(picture, hold, look));
  // If the answer could not be written, nobody knows the addresses: do not keep the chain running.
  if (hold && status === 0) await stopped;
  return status;
}

/** A relay of the demo, and the list of all connections that clients have opened to it so far. */
interface Counted {
  readonly relay: Relay;
  readonly connections: readonly ConnectionView[];
}

interface Chain extends AsyncDisposable {
  /** The address of the web service: `127.0.0.1:PORT`. */
  readonly service: string;
  /** The path of the Unix socket between the two relays. */
  readonly path: string;
  /** The relay from the Unix socket to the service. */
  readonly inner: Counted;
  /** The relay from the outer port to the Unix socket. */
  readonly outer: Counted;
}

async function startChain(): Promise<Chain> {
  await using parts = new AsyncDisposableStack();
  const place = tmpdir();
  if (Buffer.byteLength(place) > FOLDER_BYTES_MOST)
    throw new DemoError(
      `the folder ${quote(place)} is too long for a socket; set TMPDIR to a shorter one`,
    );
  const folder = parts.adopt(makeFolder(), (made) => rmSync(made, { recursive: true }));
  const server = parts.adopt(serve(), (made) => made.stop(true));
  const service = `${LOOPBACK}:${server.port}`;
  const path = join(folder, "socket");
  const inner = await startCounted(parts, path, service);
  const outer = await startCounted(parts, `${LOOPBACK}:0`, path);
  const all = parts.move();
  return { service, path, inner, outer, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), `${PROGRAM}-`));
  } catch (error) {
    const code = errorCode(error);
    throw new DemoError(
      `cannot make a folder for the socket in ${tmpdir()}: ${errnoWords(code)} (${code}); ` +
        "set TMPDIR to a folder that can be written",
      { cause: error },
    );
  }
}

async function startCounted(
  parts: AsyncDisposableStack,
  source: string,
  destination: string,
): Promise<Counted> {
  const connections: ConnectionView[] = [];
  const relay = await createRelay({
    source,
    destination,
    observer: { opened: (connection) => connections.push(connection) },
  });
  return { relay: parts.use(relay), connections };
}

/**
 * A web service: `/` answers with a greeting, `/upload` with the SHA-256 of the request's body.
 */
function serve() {
  return Bun.serve({
    hostname: LOOPBACK,
    port: 0,
    routes: {
      "/": () => new Response(GREETING),
      "/upload": {
        POST: async (request) => {
          const hash = createHash("sha256");
          if (request.body) for await (const chunk of request.body) hash.update(chunk);
          return new Response(hash.digest("hex"));
        },
      },
    },
  });
}

async function tryBoth({ path, outer }: Chain): Promise<Trial[]> {
  const body = randomFillSync(new Uint8Array(UPLOAD_BYTES));
  const digest = createHash("sha256").update(body).digest("hex");
  return [
    await tryOne("the Unix socket", "http://localhost", { unix: path }, body, digest),
    await tryOne(
      "the outer port",
      `http://${printAddress(outer.relay.endpoint)}`,
      {},
      body,
      digest,
    ),
  ];
}

async function tryOne(
  through: string,
  url: string,
  way: { unix?: string },
  body: Uint8Array<ArrayBuffer>,
  digest: string,
): Promise<Trial> {
  const asked = performance.now();
  const greeting = await send(through, `${url}/`, way);
  const sent = performance.now();
  const answer = await send(through, `${url}/upload`, { ...way, method: "POST", body });
  const done = performance.now();
  if (greeting !== GREETING || answer !== digest)
    throw new DemoError(
      `the bytes that came through ${through} differ from the bytes that were sent`,
    );
  return {
    through,
    requestSeconds: (sent - asked) / 1_000,
    uploadBytes: body.byteLength,
    uploadSeconds: (done - sent) / 1_000,
  };
}

async function send(through: string, url: string, request: BunFetchRequestInit): Promise<string> {
  try {
    const response = await fetch(url, { ...request, keepalive: false });
    return await response.text();
  } catch (error) {
    throw new DemoError(`no answer through ${through}: ${String(error)}`, { cause: error });
  }
}

function figures({ connections }: Counted): { connections: number; bytes: number } {
  const bytes = connections.reduce((sum, { bytesUp, bytesDown }) => sum + bytesUp + bytesDown, 0);
  return { connections: connections.length, bytes };
}
