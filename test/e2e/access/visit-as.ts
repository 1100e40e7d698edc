import { expect } from "bun:test";
import { program, root } from "../../support/machine/parts.ts";
import { GREETING } from "../../support/sockets/visitor.ts";

/** Users of clients: numbers that need no name. */
export interface Client {
  readonly uid: number;
  readonly gid: number;
  readonly groups?: readonly number[];
}

export const ALICE = 61_001;
export const BOB = 61_002;
export const STAFF = 62_001;
export const GUESTS = 62_002;
export const bob = (...groups: number[]): Client => ({ uid: BOB, gid: GUESTS, groups });

/** As a client of that user and those groups: what came of it, and its process's id. */
export async function visitAs({ uid, gid, groups = [] }: Client, address: string) {
  const to = address.startsWith("@")
    ? `ABSTRACT-CONNECT:${address.slice(1)}`
    : `UNIX-CONNECT:${address}`;
  const child = Bun.spawn(
    [
      ...["setpriv", `--reuid=${uid}`, `--regid=${gid}`],
      groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
      ...["--", "socat", "-u", to, "-"],
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  // What may go wrong with one who is turned away is that, and nothing before.
  expect(stderr).not.toMatch(/setpriv|connect\(/);
  return { served: stdout === GREETING, pid: child.pid };
}

export const setprivNeeds = [root, program("setpriv"), program("socat")];
