// Below the ports that the system gives to clients, one of which would take it before its time.
const FIRST = 20_000;
const LAST = 32_000;

let next = FIRST + Math.floor(Math.random() * (LAST - FIRST));

/** A port of 127.0.0.1 on which nobody listens at this moment. */
export function freePort(): number {
  for (let tries = FIRST; tries < LAST; tries += 1) {
    next = next === LAST ? FIRST : next + 1;
    try {
      Bun.listen({ hostname: "127.0.0.1", port: next, socket: { data() {} } }).stop();
      return next;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
    }
  }
  throw new Error(`no port of 127.0.0.1 is free from ${FIRST} to ${LAST}`);
}
