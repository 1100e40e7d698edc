import { afterEach } from "bun:test";

/** Returns a function that takes things of a test, which are disposed of when the test is over. */
export function disposeAfterEach(): <One extends Disposable>(one: One) => One {
  const kept: Disposable[] = [];
  afterEach(() => {
    for (const one of kept.splice(0)) one[Symbol.dispose]();
  });
  return (one) => {
    kept.push(one);
    return one;
  };
}
