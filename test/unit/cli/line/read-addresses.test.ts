import { expect, test } from "bun:test";
import {
  readAddresses,
  readDestination,
  STANDARD_IO_FORM,
} from "../../../../src/cli/line/read-addresses.ts";

test("the list of forms ends with the further forms of the command", () => {
  const relay = "as SOURCE also systemd, systemd:NAME or fd:N, or - (standard input and output)";
  expect(() => readAddresses(["x:y:80", ":1"], STANDARD_IO_FORM)).toThrow(relay);
  expect(() => readAddresses([":1", "x:y:80"], STANDARD_IO_FORM)).toThrow(relay);
  expect(() => readDestination("", STANDARD_IO_FORM)).toThrow(relay);
  expect(() => readAddresses(["x:y:80", ":1"])).toThrow(/or fd:N$/);
});

test("a message without the list of forms gets no further form", () => {
  expect(() => readAddresses(["./new", "1"], STANDARD_IO_FORM)).toThrow(/or 127\.0\.0\.1:1$/);
});
