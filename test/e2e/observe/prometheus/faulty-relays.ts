import { closeSync, constants, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENT } from "../../../support/machine/container.ts";
import type { Network } from "../../../support/machine/network.ts";
import { executablePath, startRelay, turnedAway } from "../../../support/process/executable.ts";
import { runProgram } from "../../../support/process/program.ts";
import { connectEcho, type EchoClient, startEcho } from "../../../support/sockets/echo.ts";
import { ask, eventually } from "../admin.ts";

/**
 * Relays in a network namespace, each of which has a metrics address and something that goes wrong
 * when the test says so.
 */
export class FaultyRelays implements AsyncDisposable {
  readonly #owner = new AsyncDisposableStack();
  readonly #network: Network;
  readonly #folder: string;
  /** What causes a fault; it puts into `#mends` what ends the fault. */
  readonly #faults: (() => Promise<void>)[] = [];
  /** What ends the faults that were caused and not ended yet. */
  readonly #mends: (() => Promise<void> | void)[] = [];
  /** The metrics address of each process, by its name here. */
  readonly instances: ReadonlyMap<string, string>;

  constructor(network: Network, folder: string) {
    this.#network = network;
    this.#folder = folder;
    const names = ["killed", "full", "several", "mount-point", "holding", "shared"];
    this.instances = new Map(
      names.map((name, index) => [name, `${network.near.address}:${9_100 + index}`]),
    );
  }

  /** A path in the folder of the relays. */
  at(name: string): string {
    return join(this.#folder, name);
  }

  /** Starts all relays, whose faults have not happened yet. */
  async start(): Promise<void> {
    this.#owner.use(startEcho(this.at("echo")));
    await Promise.all([
      this.#startKilled(),
      this.#startFull(),
      this.#startSeveral(),
      this.#startMountPoint(),
      this.#startHolding(),
      this.#startShared(),
    ]);
  }

  /** Causes all faults. */
  async cause(): Promise<void> {
    await Promise.all(this.#faults.map((cause) => cause()));
  }

  /** Ends all faults that can be ended and have not been ended yet. */
  async mend(): Promise<void> {
    await Promise.all(this.#mends.splice(0).map((mend) => mend()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Otherwise clients that come again and again would meet relays that have ended.
    await this.mend();
    await this.#owner.disposeAsync();
  }

  async #start(name: string, args: readonly string[], prefix: readonly string[] = []) {
    const relay = await startRelay([`--metrics=${this.instances.get(name)}`, ...args], {
      prefix: [...this.#network.near.prefix, ...prefix],
    });
    this.#owner.use(relay);
    return relay;
  }

  /** The relay `killed` is, and is again after its mend. */
  async #startKilled(): Promise<void> {
    const relay = await this.#start("killed", [this.at("killed"), this.at("echo")]);
    this.#faults.push(async () => {
      await relay.stop("SIGKILL");
      this.#mends.push(async () => {
        rmSync(this.at("killed"), { force: true });
        await this.#start("killed", [this.at("killed"), this.at("echo")]);
      });
    });
  }

  /** All connections that its descriptors allow are open. */
  async #startFull(): Promise<void> {
    const few = ["prlimit", "--nofile=1024"];
    const relay = await this.#start("full", ["--name=full", this.at("full"), this.at("echo")], few);
    const most = Number(/"connections_max":(\d+)/.exec(relay.stderr())?.[1]);
    this.#faults.push(async () => {
      const clients = await connectMany(this.at("full"), most);
      this.#mends.push(() => clients.forEach((client) => client[Symbol.dispose]()));
    });
  }

  /**
   * Two relays of one process, whose log nobody reads and which has no processor time now and then.
   */
  async #startSeveral(): Promise<void> {
    await runProgram(["mkfifo", this.at("log")], { env: ENVIRONMENT });
    const reader = openSync(this.at("log"), constants.O_RDWR | constants.O_NONBLOCK);
    const writer = openSync(this.at("log"), constants.O_WRONLY);
    writeFileSync(
      this.at("relays.toml"),
      `metrics = "${this.instances.get("several")}"
       admin = "${this.at("admin")}"
       connections-max = 1000
       access-log = true
       log-format = "json"
       [relay.served]
       source = "${this.at("served")}"
       destination = "${this.at("echo")}"
       [relay.gone]
       source = "${this.at("gone")}"
       destination = "${this.at("service")}"`,
    );
    const argv = [
      ...this.#network.near.prefix,
      await executablePath(),
      `--config=${this.at("relays.toml")}`,
    ];
    const relay = Bun.spawn(argv, { env: {}, stdin: "ignore", stdout: "ignore", stderr: writer });
    this.#owner.defer(async () => {
      relay.kill("SIGKILL");
      await relay.exited;
      for (const fd of [reader, writer]) closeSync(fd);
    });
    const isReady = () =>
      ask(this.at("admin"), "/readyz").then(
        ({ status }) => status === 200,
        () => false,
      );
    await eventually("the relays", isReady, (ready) => ready);

    this.#faults.push(async () => {
      await Promise.all(Array.from({ length: 50 }, () => carryAndClose(this.at("served"), 80)));
      this.#mends.push(async () => {
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
    });

    // While the fault lasts, clients come again and again.
    this.#faults.push(async () => {
      await turnedAway({ unix: this.at("gone") });
      const ended = again(100, () => turnedAway({ unix: this.at("gone") }));
      this.#mends.push(async () => {
        await ended();
        this.#owner.use(startEcho(this.at("service")));
        await carryAndClose(this.at("gone"), 1);
      });
    });

    this.#faults.push(async () => {
      const ended = again(200, async () => {
        relay.kill("SIGSTOP");
        await Bun.sleep(200);
        relay.kill("SIGCONT");
      });
      this.#mends.push(ended);
    });
    // Not a fault, but what the dashboard's panels are about.
    this.#faults.push(async () => {
      this.#mends.push(again(50, () => carryAndClose(this.at("served"), 1)));
    });
  }

  /**
   * Clients that send as much as they can to a destination that is absent: the relay holds 64 KiB
   * of each of them at least while it keeps trying to reach the destination.
   */
  async #startHolding(): Promise<void> {
    await this.#start("holding", [
      ...["--name=holding", "--memory-max=4M", "--connect-retry=1h"],
      ...[this.at("holding"), this.at("absent")],
    ]);
    const piece = new Uint8Array(65_536);
    const flood = (client: Bun.Socket) => {
      while (client.write(piece) === piece.length);
    };
    this.#faults.push(async () => {
      const clients: Bun.Socket[] = [];
      this.#mends.push(() => {
        for (const client of clients) client.terminate();
        // The relay keeps what they have sent until it can deliver it.
        this.#owner.use(startEcho(this.at("absent")));
      });
      for (let count = 0; count < 100; count += 1) {
        const handlers = { open: flood, drain: flood, data() {} };
        clients.push(await Bun.connect({ unix: this.at("holding"), socket: handlers }));
      }
    });
  }

  /**
   * Two relays with one limit, which one of them reaches; the capture of the other one is removed.
   */
  async #startShared(): Promise<void> {
    writeFileSync(
      this.at("shared.toml"),
      `metrics = "${this.instances.get("shared")}"
       connections-max = 20
       [relay.crowded]
       source = "${this.at("crowded")}"
       destination = "${this.at("echo")}"
       [relay.captured]
       source = "${this.at("captured")}"
       destination = "${this.at("echo")}"
       capture = "${this.at("capture")}"`,
    );
    const relay = await startRelay([`--config=${this.at("shared.toml")}`], {
      prefix: this.#network.near.prefix,
    });
    this.#owner.use(relay);
    await relay.logged(/"event":"listening".*captured|captured.*"event":"listening"/);
    this.#faults.push(async () => {
      const clients = await connectMany(this.at("crowded"), 19);
      rmSync(this.at("capture"));
      await carryAndClose(this.at("captured"), 1);
      this.#mends.push(async () => {
        clients.forEach((client) => client[Symbol.dispose]());
        process.kill(relay.pid, "SIGHUP");
        await relay.logged(/"event":"took_over"/);
      });
    });
  }

  /** A source whose file cannot be removed, because it is a mount point. */
  async #startMountPoint(): Promise<void> {
    const source = this.at("mount-point");
    const args = ["--name=mount-point", "--drain-timeout=1h", source, this.at("echo")];
    const relay = await this.#start("mount-point", args);
    this.#faults.push(async () => {
      const [client] = await connectMany(source, 1);
      const mounted = async (...command: readonly string[]) => {
        const { code, stderr } = await runProgram(command, { env: ENVIRONMENT });
        if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
      };
      await mounted("mount", "--bind", source, source);
      this.#owner.defer(() => mounted("umount", "--lazy", source));
      void relay.stop();
      await relay.logged(/EBUSY/);
      // A drain waits only for connections on which something moves.
      const ended = again(200, () => client?.ask("hello"));
      this.#owner.defer(async () => {
        await ended();
        client?.[Symbol.dispose]();
      });
    });
  }
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

async function carryAndClose(path: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1)
    for (const client of await connectMany(path, 1)) {
      client[Symbol.dispose]();
      await client.closed;
    }
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
