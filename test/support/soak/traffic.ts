import { Dice } from "./dice.ts";
import { drawSession, drawShort, type SessionPlan } from "./plan.ts";
import type { Route } from "./route.ts";
import { runSession } from "./session.ts";

// Connections of one route at the same time, beside a row of short ones, and how many come in a
// burst.
const AT_ONCE = 8;
const BURST = 16;

// Milliseconds until the next one where the destination is away: refusals are quick and cheap.
const AFTER_REFUSAL = 20;

/** What went through a route. */
export interface Tally {
  /** Clients that connected, and those of them whose destination was reached. */
  connections: number;
  reached: number;
  bytes: number;
  /** Times that the destination was away. */
  absences: number;
}

/**
 * Traffic of all kinds through a route for as long as it is `wanted`, or up to the first thing that
 * does not hold.
 *
 * @throws with that, and with what a connection was to do
 */
export async function runTraffic(
  route: Route,
  seed: number,
  wanted: () => boolean,
): Promise<Tally> {
  const tally: Tally = { connections: 0, reached: 0, bytes: 0, absences: 0 };
  const failures: unknown[] = [];
  const goesOn = () => failures.length === 0 && wanted();

  const connect = async (draw: (dice: Dice) => SessionPlan) => {
    const id = (tally.connections += 1);
    const plan = draw(new Dice(seed, id));
    try {
      const { reached, bytes } = await runSession(route.source, route.destination, plan, id);
      tally.bytes += bytes;
      if (reached) tally.reached += 1;
      else await Bun.sleep(AFTER_REFUSAL);
    } catch (error) {
      const what = `${route.name}, connection ${id} of seed ${seed}: ${JSON.stringify(plan)}`;
      failures.push(new Error(what, { cause: error }));
    }
  };
  const row = async (draw: (dice: Dice) => SessionPlan) => {
    while (goesOn()) await connect(draw);
  };
  const bursts = async () => {
    const dice = new Dice(seed, -1);
    while (goesOn()) {
      await Bun.sleep(dice.between(500, 4_000));
      await Promise.all(Array.from({ length: BURST }, () => connect(drawShort)));
    }
  };
  const absences = async () => {
    const dice = new Dice(seed, -2);
    while (goesOn()) {
      await Bun.sleep(dice.between(1_000, 5_000));
      route.destination.leave(dice.chance(0.5));
      tally.absences += 1;
      await Bun.sleep(dice.between(50, 800));
      await route.destination.comeBack();
    }
  };
  const rows = Array.from({ length: AT_ONCE }, () => row(drawSession));
  await Promise.all([...rows, row(drawShort), bursts(), absences()]);
  if (failures.length > 0) throw failures[0];
  return tally;
}
