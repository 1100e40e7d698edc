import { expect, test } from "bun:test";
import { foundAddresses } from "../../../src/address/resolve-in-namespace.ts";

test("the addresses of getent, each once, in its order", () => {
  const text =
    "2001:db8::1     STREAM app.example\n2001:db8::1     DGRAM  \n" +
    "192.0.2.1       STREAM \n192.0.2.1       DGRAM  \n192.0.2.1       RAW    \n";
  expect(foundAddresses(text)).toEqual([
    { address: "2001:db8::1", family: 6 },
    { address: "192.0.2.1", family: 4 },
  ]);
  expect(foundAddresses("")).toEqual([]);
});
