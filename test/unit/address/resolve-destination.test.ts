import { expect, test } from "bun:test";
import { alternate } from "../../../src/address/resolve-destination.ts";

const families = (text: string) => [...text].map((family, index) => ({ family: +family, index }));

test.each([
  ["", []],
  ["4", [0]],
  ["444", [0, 1, 2]],
  ["6644", [0, 2, 1, 3]],
  ["4666", [0, 1, 2, 3]],
  ["66664", [0, 4, 1, 2, 3]],
  ["446", [0, 2, 1]],
])("addresses of families %p are tried in the order %p", (text, order) => {
  expect(alternate(families(text)).map(({ index }) => index)).toEqual(order);
});
