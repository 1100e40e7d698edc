import { ENVIRONMENT } from "./container.ts";
import { runProgram } from "../process/program.ts";
import { program, root } from "./parts.ts";

/** What `makeNetwork` needs of the machine. */
export const networkNeeds = [root, ...["ip", "unshare", "nsenter"].map(program)];

/** A host of its own, which is a network namespace (network_namespaces(7)). */
export interface Host {
  /** 192.0.2.0/24 is for documentation (RFC 5737): nobody else has it. */
  readonly address: string;
  /** Puts a program onto this host: to be written before its command. */
  readonly prefix: readonly string[];
}

/** Two hosts, joined by a cable. */
export interface Network extends AsyncDisposable {
  readonly near: Host;
  readonly far: Host;
  /** The far host's plug is pulled: it receives nothing any more, and sends nothing. */
  unplug(): Promise<void>;
  /** The far host forgets its address: what arrives for it is dropped, without an answer. */
  forget(): Promise<void>;
}

/** Makes a network that is gone with this process, however it ends. */
export async function makeNetwork(): Promise<Network> {
  const [near, far] = [await Namespace.make("192.0.2.1"), await Namespace.make("192.0.2.2")];
  const peer = ["peer", "name", "cable", "netns", String(far.pid)];
  await near.ip("link", "add", "cable", "type", "veth", ...peer);
  for (const host of [near, far]) {
    await host.ip("address", "add", `${host.address}/24`, "dev", "cable");
    for (const device of ["lo", "cable"]) await host.ip("link", "set", device, "up");
  }
  return {
    near,
    far,
    unplug: () => far.ip("link", "set", "cable", "down"),
    forget: () => far.ip("address", "delete", `${far.address}/24`, "dev", "cable"),
    async [Symbol.asyncDispose]() {
      await Promise.all([near.end(), far.end()]);
    },
  };
}

class Namespace implements Host {
  readonly prefix: readonly string[];
  readonly #holder;

  private constructor(readonly address: string) {
    // It ends with its standard input, and that with this process.
    this.#holder = Bun.spawn(["unshare", "--net", "sh", "-c", "echo ready && exec cat"], {
      env: ENVIRONMENT,
      stdin: "pipe",
      stdout: "pipe",
    });
    this.prefix = ["nsenter", "--target", String(this.pid), "--net", "--"];
  }

  static async make(address: string): Promise<Namespace> {
    const namespace = new Namespace(address);
    const { value } = await namespace.#holder.stdout.getReader().read();
    if (value === undefined) throw new Error("no network namespace");
    return namespace;
  }

  get pid(): number {
    return this.#holder.pid;
  }

  async ip(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await runProgram([...this.prefix, "ip", ...args], {
      env: ENVIRONMENT,
    });
    if (code !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  }

  async end(): Promise<void> {
    await this.#holder.stdin.end();
    await this.#holder.exited;
  }
}
