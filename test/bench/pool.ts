import type { Both, Redis, Streams } from "./destinations.ts";
import { startToRedis, startToStreams } from "./first-answer.ts";
import type { Address } from "./load/messages.ts";
import { DIRECT } from "./peers/index.ts";
import type { Direction, Relay, RelayProcess, Relays } from "./relays.ts";

/** Relays that stay from round to round, as daemons do; each is started when it is first needed. */
export class Pool {
  readonly #relays: Relays;
  readonly #limits = new Map<Address, Relay>();
  readonly #running = new Map<string, RelayProcess>();

  constructor(relays: Relays) {
    this.#relays = relays;
  }

  /** A relay to the streams that has answered; another one where the last has ended. */
  async toStreams(name: string, direction: Direction, streams: Streams): Promise<Relay> {
    if (name === DIRECT) return this.#direct(direction, streams.at);
    return this.#keep(`${name} ${direction.name} streams`, async () => {
      const prepared = await this.#relays.prepare(name, direction, streams.at);
      return (await startToStreams(streams, direction, prepared)).relay;
    });
  }

  /** A relay to Redis that has answered; another one where the last has ended. */
  async toRedis(
    name: string,
    direction: Direction,
    streams: Streams,
    redis: Redis,
  ): Promise<Relay> {
    if (name === DIRECT) return this.#direct(direction, redis.at);
    return this.#keep(`${name} ${direction.name} redis`, async () => {
      const prepared = await this.#relays.prepare(name, direction, redis.at);
      return (await startToRedis(streams, redis, prepared)).relay;
    });
  }

  #direct(direction: Direction, to: Both): Relay {
    const address = to[direction.destination];
    const known = this.#limits.get(address);
    if (known !== undefined) return known;
    const relay = { name: DIRECT, direction, address, pid: undefined };
    this.#limits.set(address, relay);
    return relay;
  }

  async #keep(key: string, start: () => Promise<RelayProcess>): Promise<RelayProcess> {
    const running = this.#running.get(key);
    if (running !== undefined && !running.hasEnded) return running;
    const started = await start();
    this.#running.set(key, started);
    return started;
  }
}
