import { expect, test } from "bun:test";
import { nearest } from "../../../src/options/did-you-mean.ts";

const known = ["mode", "owner", "group", "connect-timeout", "log-level", "log-format", "help"];

test.each([
  ["--mod", "mode"],
  ["--moed", "mode"],
  ["--MODE", "mode"],
  ["--connectTimeout", "connect-timeout"],
  ["--connect_timeout", "connect-timeout"],
  ["--conect-timeot", "connect-timeout"],
  ["--connect", "connect-timeout"],
  ["--log", "log-level"],
  ["--loglevel", "log-level"],
  ["-help", "help"],
])("%s most likely means --%s", (word, meant) => {
  expect(nearest(word, known)).toBe(meant);
});

test.each(["--verbose", "-x", "--", "", "--fork", "--reuseaddr"])("%j is near nothing", (word) => {
  expect(nearest(word, known)).toBeUndefined();
});
