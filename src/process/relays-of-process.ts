import { inNetwork, type SocketEndpoint } from "../address/address.ts";
import { RelayError } from "../relay/error.ts";
import { isInherited, type Source } from "../relay/kinds-of-source.ts";
import type { HandoverRelay } from "../relay/relay-interface.ts";
import type { DrainLimits } from "../relay/limits/drain-time-limits.ts";
import type { HandedRelay } from "./handover/handover-document.ts";
import type { OpenedListener } from "./handover/hand-over.ts";
import type { RelayPlan } from "./process-plan.ts";
import { StartError, type StartFailure } from "./start-error.ts";

/** One relay of a process, and its source. */
interface Member {
  readonly plan: RelayPlan;
  readonly source: Source;
  readonly relay: HandoverRelay;
}

interface OpenOptions {
  /** Whether this process has a predecessor. Default: false. */
  readonly isSuccessor?: boolean;
}

/** Opens a relay on a source. */
export type OpenMember = (plan: RelayPlan, source: Source) => Promise<HandoverRelay>;

/** The relays of one process. They start, stop and are handed over together. */
export class RelaysOfProcess {
  readonly #members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.#members = members;
  }

  /**
   * Opens all relays, or none.
   *
   * @throws {StartError} with all failures, after the relays that had started have stopped.
   */
  static async open(
    plans: readonly RelayPlan[],
    sourceOf: (plan: RelayPlan) => Source,
    open: OpenMember,
    { isSuccessor = false }: OpenOptions = {},
  ): Promise<RelaysOfProcess> {
    const failures: StartFailure[] = [];
    const attempts = await Promise.allSettled(
      plans.map(async (plan) => {
        try {
          const source = sourceOf(plan);
          return { plan, source, relay: await open(plan, source) };
        } catch (error) {
          if (error instanceof RelayError) failures.push({ plan, error });
          throw error;
        }
      }),
    );
    const group = new RelaysOfProcess(
      attempts.flatMap((attempt) => (attempt.status === "fulfilled" ? [attempt.value] : [])),
    );
    const failed = attempts.filter((attempt) => attempt.status === "rejected");
    if (failed.length === 0) return group;
    if (isSuccessor) await group.giveBack({ drainTimeout: 0 });
    else await group.stop({ drainTimeout: 0 });
    if (failures.length === failed.length) throw new StartError(failures);
    throw failed.find(({ reason }) => !(reason instanceof RelayError))?.reason;
  }

  get endpoints(): readonly SocketEndpoint[] {
    return this.#members.map(({ relay }) => relay.endpoint);
  }

  get connections(): number {
    return this.#members.reduce((sum, { relay }) => sum + relay.connections, 0);
  }

  /**
   * The listening sockets of the sources that this process or an earlier process bound. Sockets
   * that systemd or another program passed are not among them.
   */
  get listeners(): readonly OpenedListener[] {
    return this.#members.flatMap(({ plan, source, relay }) => {
      const { source: address, settings: permissions } = plan;
      if (isInherited(source) || address.kind === "systemd" || address.kind === "fd") return [];
      const located = inNetwork(address, permissions.sourceNetns);
      return [{ role: "source", address: located, socket: relay.forHandover(), permissions }];
    });
  }

  /**
   * For each relay, the data with which a relay of the successor continues: the name, the last
   * connection id and the capture file.
   */
  get handed(): readonly HandedRelay[] {
    return this.#members.map(({ plan, relay: { lastId, captureFile } }) => ({
      ...{ name: plan.name, lastId, captureFile },
      capturePath: captureFile === null ? null : (plan.settings.capture ?? null),
    }));
  }

  /**
   * Makes the capture files. Called after this process has taken over, because until then the
   * predecessor may write its own capture files at the same paths.
   */
  takeCapturePaths(): void {
    for (const { relay } of this.#members) relay.takeCapturePath();
  }

  /**
   * Starts to accept clients. In a process with a predecessor no relay accepts clients before this
   * call. In every other process all relays have accepted clients since `open`, and this call does
   * nothing.
   */
  accept(): void {
    for (const { relay } of this.#members) relay.accept();
  }

  /** Settles when all relays have stopped and the last connection has ended. */
  get stopped(): Promise<unknown> {
    return Promise.all(this.#members.map(({ relay }) => relay.stopped));
  }

  /**
   * Checks now whether the file or the network namespace of a source was lost or is back, and
   * reports each change.
   */
  lookForFiles(): void {
    for (const { relay } of this.#members) relay.lookForFile();
  }

  async responds(): Promise<void> {
    await Promise.all(this.#members.map(({ relay }) => relay.responds()));
  }

  async stop(limits: Partial<DrainLimits> = {}): Promise<void> {
    await Promise.all(this.#members.map(({ relay }) => relay.stop(limits)));
  }

  /**
   * Stops all relays if no connection is open. Resolves with true if the relays were stopped, else
   * with false.
   */
  async stopIfIdle(): Promise<boolean> {
    if (this.connections > 0) return false;
    // Suspend every relay first, so that none accepts a client while the others still count their
    // connections.
    const open = await Promise.all(this.#members.map(({ relay }) => relay.suspend()));
    if (open.every((connections) => connections === 0)) {
      await Promise.all(this.#members.map(({ relay }) => relay.stopIfIdle()));
      return true;
    }
    for (const { relay } of this.#members) relay.resume();
    return false;
  }

  /**
   * Stops all relays of a process that has a predecessor. The sources that the predecessor handed
   * over, and their files, stay with the predecessor, which still accepts clients.
   */
  async giveBack(limits: Partial<DrainLimits> = {}): Promise<void> {
    for (const { relay } of this.#members) void relay.giveBack();
    await this.stop(limits);
  }

  /**
   * Stops accepting clients, and leaves the sources to a successor. Settles as soon as no relay
   * accepts clients any more.
   *
   * @param claimed - the indices, in `listeners`, of the sources that the successor uses; the files
   * of the other sources are removed
   */
  async leave(claimed: ReadonlySet<number>): Promise<void> {
    let index = 0;
    await Promise.all(
      this.#members.map(({ source, relay }) =>
        relay.leave({ isGivenUp: !isInherited(source) && !claimed.has(index++) }),
      ),
    );
  }
}
