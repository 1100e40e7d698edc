import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RelayError } from "../../../src/index.ts";
import { choosePassedSocket, takePassedSockets } from "../../../src/systemd/activation.ts";
import { takeNotifier } from "../../../src/systemd/notify-socket.ts";
import { takeWatchdogPeriod } from "../../../src/systemd/watchdog.ts";
import { holds } from "../../support/property.ts";

const PID = 4_321;

/** Values as a manager, a careless script or somebody with a grudge may set them; no NUL can be. */
const anything = fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", ""));
const number = fc.oneof(
  fc.integer({ min: -2, max: 70_000 }).map(String),
  fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String),
  fc.constantFrom("", " 1", "1 ", "+1", "-0", "0x3", "1e3", "1.5", "Infinity", "NaN", "٣", "1\n"),
);
const pid = fc.constantFrom(String(PID), ` ${PID}`, "1", "0");
const value = fc.option(fc.oneof(anything, number, pid), { nil: undefined });

function environment(names: readonly string[]): fc.Arbitrary<Record<string, string>> {
  return fc.tuple(...names.map(() => value)).map((values) =>
    Object.fromEntries(
      names.flatMap((name, index) => {
        const text = values[index];
        return text === undefined ? [] : [[name, text] as const];
      }),
    ),
  );
}

describe("the sockets that systemd passed", () => {
  const right = fc.record({
    LISTEN_PID: fc.constant(String(PID)),
    LISTEN_FDS: fc.nat(40).map(String),
    LISTEN_FDNAMES: fc.array(fc.oneof(anything, fc.constantFrom("web", ""))).map(joined),
  });

  test("are a list of descriptors from 3 on, whatever the variables say", () => {
    const names = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];
    holds(
      import.meta.path,
      fc.property(fc.oneof(environment(names), right), (variables) => {
        const env = { ...variables, HOME: "/" };
        const { sockets: passed, missing } = takePassedSockets(env, PID, (fd) => fd < 100);
        expect(missing === "").toBe(passed.length > 0);
        expect(env).toEqual({ HOME: "/" } as typeof env);
        expect(passed.map(({ fd }) => fd)).toEqual(passed.map((_, index) => 3 + index));
        for (const { name } of passed) expect(name).not.toContain(":");
      }),
      { runs: 2_000 },
    );
  });

  test("of one of them the meant one is chosen, or what was passed is told", () => {
    const name = fc.oneof(anything, fc.constantFrom("web", "", "unknown"));
    holds(
      import.meta.path,
      fc.property(right, name, (variables, wanted) => {
        const passed = takePassedSockets({ ...variables }, PID, () => true);
        try {
          const chosen = choosePassedSocket(passed, wanted);
          expect(passed.sockets).toContain(chosen);
          if (wanted !== "") expect(chosen.name).toBe(wanted);
        } catch (error) {
          expect(error).toBeInstanceOf(RelayError);
        }
      }),
      { runs: 2_000 },
    );
  });
});

test("the watchdog's period is none or one that a timer can keep", () => {
  holds(
    import.meta.path,
    fc.property(environment(["WATCHDOG_USEC", "WATCHDOG_PID"]), (env) => {
      const period = takeWatchdogPeriod(env, PID);
      expect(env).toEqual({});
      if (period === null) return;
      expect(period).toBeGreaterThanOrEqual(1);
      expect(period).toBeLessThan(2 ** 31);
    }),
    { runs: 2_000 },
  );
});

test("a state that reaches nobody is told of once, wherever it should have gone", () => {
  const long = fc.string({ minLength: 90, maxLength: 200, size: "max" });
  // Names that nobody has: what is sent must reach nobody's socket.
  const nowhere = fc.oneof(anything, long).map((name) => `relay-fuzz-5b0c2f7e-${name}`);
  const address = fc.oneof(
    anything.filter((text) => !/^[@/]/.test(text)),
    nowhere.map((name) => `@${name}`),
    nowhere.map((name) => `/${name}`),
  );
  const state = fc.dictionary(anything, anything, { maxKeys: 4 });
  holds(
    import.meta.path,
    fc.property(address, state, (NOTIFY_SOCKET, assignments) => {
      const env = { NOTIFY_SOCKET };
      const warnings: string[] = [];
      const notifier = takeNotifier(env, (message) => void warnings.push(message));
      expect(env).toEqual({} as typeof env);
      expect(notifier !== null).toBe(/^[@/]/.test(NOTIFY_SOCKET));
      notifier?.notify(assignments);
      notifier?.notify(assignments);
      expect(warnings).toHaveLength(notifier === null ? 0 : 1);
    }),
    { runs: 1_000 },
  );
});

function joined(names: readonly string[]): string {
  return names.join(":");
}
