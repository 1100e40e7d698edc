import type { SocketEndpoint } from "../../../src/index.ts";
import type { RawSocket } from "../sockets/raw-socket.ts";
import type { Destination } from "./destination.ts";
import { actProcess } from "./echo-process.ts";
import { connectAs } from "./hello.ts";
import type { ProcessPlan, RawPlan, SessionPlan } from "./plan.ts";
import { actRaw } from "./raw-end.ts";
import { judge, judgeUnreached, type Outcome } from "./verdict.ts";

/** How a session went that was as it should be. */
export interface Session {
  readonly reached: boolean;
  /** Bytes that its ends have read here. */
  readonly bytes: number;
}

/**
 * Brings one connection from its client's first byte to its end, and judges what both ends have
 * seen.
 *
 * @throws with what does not hold
 */
export async function runSession(
  source: SocketEndpoint,
  destination: Destination,
  plan: SessionPlan,
  id: number,
): Promise<Session> {
  const started = performance.now();
  const { end, giveUp } = destination.expect(id);
  const client = connectAs(id, source)
    .then((socket) => socket && act(socket, plan.client, 2 * id))
    .finally(giveUp);
  const other = end.then((socket) => socket && act(socket, plan.destination, 2 * id + 1));
  const [near, far] = await Promise.all([client, other]);
  if (near !== null && far !== null) judge(near, far);
  else if (near !== null && isPatient(plan.client)) judgeUnreached(near);
  if (far === null && isPatient(plan.client) && !destination.wasAwaySince(started))
    throw new Error("the destination was there and was not reached");
  return { reached: far !== null, bytes: bytesOf(near) + bytesOf(far) };
}

function act(end: RawSocket, plan: RawPlan | ProcessPlan, seed: number): Promise<Outcome> {
  return plan.kind === "raw" ? actRaw(end, plan, seed) : actProcess(end, plan);
}

/** Whether a client stays until its destination is reached, whenever that is. */
function isPatient(plan: RawPlan | ProcessPlan): boolean {
  return plan.kind === "raw" ? plan.finish === "half-close" : !plan.killed;
}

function bytesOf(outcome: Outcome | null): number {
  return outcome?.kind === "raw" ? outcome.received.length : 0;
}
