import { expect, test } from "bun:test";
import { Watchdog } from "../../../src/systemd/watchdog.ts";
import { until } from "../../support/waiting.ts";

test("the watchdog is fed only as long as every thread answers, and asks one question at a time", async () => {
  const questions: PromiseWithResolvers<void>[] = [];
  let fed = 0;
  const notifier = { notify: (words: object) => void (fed += Number("WATCHDOG" in words)) };
  const ask = () => {
    const question = Promise.withResolvers<void>();
    questions.push(question);
    return question.promise;
  };
  using _watchdog = new Watchdog(notifier, 1, ask);
  await until(() => questions.length === 1, "the first question");
  // Nothing to wait for: that nothing happens is the point.
  await Bun.sleep(20);
  expect({ fed, asked: questions.length }).toEqual({ fed: 0, asked: 1 });
  questions[0]?.resolve();
  await until(() => fed === 1 && questions.length === 2, "the food and the next question");
  await Bun.sleep(20);
  expect({ fed, asked: questions.length }).toEqual({ fed: 1, asked: 2 });
});
