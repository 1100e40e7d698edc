import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  type LimitedRelay,
  SharedConnectionLimit,
} from "../../../../src/relay/limits/shared-connection-limit.ts";
import { holds } from "../../../support/property.ts";

/** A relay that only remembers whether it may accept; `resumed` lists the relays in their order. */
class FakeRelay implements LimitedRelay {
  readonly #holders = new Set<string>();

  constructor(
    readonly name: string,
    readonly resumed: string[] = [],
  ) {}

  get accepts(): boolean {
    return this.#holders.size === 0;
  }

  pauseFor(holder: string): void {
    this.#holders.add(holder);
  }

  resumeFor(holder: string): void {
    if (this.#holders.delete(holder)) this.resumed.push(this.name);
  }
}

test("all relays pause at the limit, and accept again below it", () => {
  const limit = new SharedConnectionLimit(2);
  const relays = [new FakeRelay("a"), new FakeRelay("b")] as const;
  const [a, b] = relays;
  for (const relay of relays) limit.join(relay);
  expect(limit.opened(a)).toBe(false);
  expect([a.accepts, b.accepts]).toEqual([true, true]);
  expect(limit.opened(b)).toBe(true);
  expect([a.accepts, b.accepts]).toEqual([false, false]);
  limit.closed();
  expect([a.accepts, b.accepts]).toEqual([true, true]);
});

test("the relay that took the last place is the last one to accept again", () => {
  const limit = new SharedConnectionLimit(1);
  const resumed: string[] = [];
  const relays = ["a", "b", "c"].map((name) => new FakeRelay(name, resumed));
  for (const relay of relays) limit.join(relay);
  for (const relay of relays) {
    limit.opened(relay);
    limit.closed();
  }
  expect(resumed).toEqual(["b", "c", "a", "c", "a", "b", "a", "b", "c"]);
});

test("a relay that joins at the limit waits, and one that has left is not paused", () => {
  const limit = new SharedConnectionLimit(1);
  const [a, late] = [new FakeRelay("a"), new FakeRelay("late")];
  limit.join(a);
  limit.opened(a);
  limit.leave(a);
  limit.join(late);
  expect(late.accepts).toBe(false);
  limit.closed();
  expect(late.accepts).toBe(true);
  limit.opened(late);
  // What has left is of no concern: it stopped with its last hold.
  expect(a.accepts).toBe(false);
});

test("a relay that accepts at once when it may, keeps the others paused", () => {
  const limit = new SharedConnectionLimit(1);
  const eager = new (class extends FakeRelay {
    override resumeFor(holder: string): void {
      super.resumeFor(holder);
      limit.opened(this);
    }
  })("eager");
  const other = new FakeRelay("other");
  limit.join(eager);
  limit.join(other);
  limit.opened(other);
  limit.closed();
  expect(limit.open).toBe(1);
  expect([eager.accepts, other.accepts]).toEqual([false, false]);
});

test("whatever opens and closes, the relays accept exactly below the limit", () => {
  holds(
    import.meta.path,
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(3)), (most, steps) => {
      const limit = new SharedConnectionLimit(most);
      const relays = [new FakeRelay("a"), new FakeRelay("b")];
      for (const relay of relays) limit.join(relay);
      let open = 0;
      for (const step of steps) {
        const relay = relays[step % 2];
        if (step < 2 && relay?.accepts === true) {
          open += 1;
          expect(limit.opened(relay)).toBe(open === most);
        } else if (open > 0) {
          open -= 1;
          limit.closed();
        }
        expect(limit.open).toBe(open);
        for (const each of relays) expect(each.accepts).toBe(open < most);
      }
    }),
  );
});
