import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseAddress, printAddress, type SocketEndpoint } from "../../../src/index.ts";
import type { Direction, Kind } from "../../fidelity/directions.ts";
import { type RunningRelay, startRelay } from "../process/executable.ts";
import { readExposition, type Samples } from "../exposition.ts";
import { Destination } from "./destination.ts";

/** A relay in one direction, its destination, and what it says of itself. */
export class Route implements AsyncDisposable {
  private constructor(
    readonly name: string,
    readonly source: SocketEndpoint,
    readonly destination: Destination,
    readonly relay: RunningRelay,
    readonly admin: string,
  ) {}

  /** Starts all of it, with its sockets' files in `folder`. */
  static async open(
    { name, source, destination }: Direction,
    folder: string,
    options: readonly string[],
  ): Promise<Route> {
    const file = (role: string) => join(folder, `${name.replaceAll(" ", "-")}.${role}`);
    const admin = file("admin");
    const target = new Destination(place(destination, file("destination")));
    try {
      const relay = await startRelay([
        `--admin=${admin}`,
        ...options,
        printAddress(place(source, file("source"))),
        printAddress(target.endpoint),
      ]);
      const bound = parseAddress(relay.address, "destination");
      return new Route(name, bound, target, relay, admin);
    } catch (error) {
      await target[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The relay's own figures. */
  async metrics(): Promise<Samples> {
    const answer = await fetch("http://localhost/metrics", { unix: this.admin, keepalive: false });
    return readExposition(await answer.text());
  }

  /** How many descriptors the relay has. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.relay.pid}/fd`).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay[Symbol.asyncDispose]();
    await this.destination[Symbol.asyncDispose]();
  }
}

function place(kind: Kind, path: string): SocketEndpoint {
  return kind === "unix" ? { kind, path } : { kind: "tcp", host: "127.0.0.1", port: 0 };
}
