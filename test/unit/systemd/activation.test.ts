import { describe, expect, test } from "bun:test";
import { choosePassedSocket, takePassedSockets } from "../../../src/systemd/activation.ts";

const PID = 4_321;
const OPEN_MOST = 20;

function take(env: Record<string, string>) {
  return takePassedSockets({ ...env }, PID, (fd) => fd < OPEN_MOST);
}

/** What somebody is told who wants the only socket, or the one of a name. */
function complaint(env: Record<string, string>, name = ""): string {
  try {
    choosePassedSocket(take(env), name);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "";
}

const ours = { LISTEN_PID: String(PID) };

test("sockets have the names that systemd gave", () => {
  const env = { ...ours, LISTEN_FDS: "3", LISTEN_FDNAMES: "web:admin" };
  expect(take(env).sockets).toEqual([
    { fd: 3, name: "web" },
    { fd: 4, name: "admin" },
    { fd: 5, name: "unknown" },
  ]);
  expect(choosePassedSocket(take(env), "admin").fd).toBe(4);
});

describe("who expects a socket is told what is the case", () => {
  test.each<[what: string, env: Record<string, string>, said: RegExp]>([
    ["no systemd", {}, /systemd passed no socket; start this service by its \.socket unit$/],
    [
      "another process's sockets",
      { LISTEN_PID: "77", LISTEN_FDS: "1" },
      /passed to another process: LISTEN_PID is "77", this is process 4321; start this program directly/,
    ],
    [
      "a count without a process",
      { LISTEN_FDS: "1" },
      /LISTEN_PID is not set, this is process 4321/,
    ],
    [
      "more than can be",
      { ...ours, LISTEN_FDS: "40000" },
      /LISTEN_FDS is 40000, but descriptor 20 is not open$/,
    ],
    ["one more than is open", { ...ours, LISTEN_FDS: "18" }, /but descriptor 20 is not open$/],
    [
      "a count that is none",
      { ...ours, LISTEN_FDS: "-1" },
      /LISTEN_FDS is "-1", which is not a number of sockets$/,
    ],
    [
      "nothing",
      { ...ours, LISTEN_FDS: "0" },
      /LISTEN_FDS is "0", which is not a number of sockets$/,
    ],
    ["no count", ours, /LISTEN_FDS is not set, which is not a number of sockets$/],
    [
      "several",
      { ...ours, LISTEN_FDS: "2" },
      /passed 2 sockets: unknown \(descriptor 3\), .*; name one/,
    ],
    [
      "a crowd",
      { ...ours, LISTEN_FDS: "15" },
      /passed 15 sockets: (unknown \(descriptor \d+\), ){10}…; name one/,
    ],
  ])("%s", (_, env, said) => {
    expect(complaint(env)).toMatch(/^cannot listen on systemd: /);
    expect(complaint(env)).toMatch(said);
  });

  test("what was passed, if there is none of that name", () => {
    const env = { ...ours, LISTEN_FDS: "1", LISTEN_FDNAMES: "web" };
    expect(complaint(env, "admin")).toBe(
      "cannot listen on systemd:admin: systemd passed one socket: web (descriptor 3)",
    );
  });
});
