import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { QueryError, readQuery } from "../../../../src/observe/admin/status-query.ts";
import { holds } from "../../../support/property.ts";

const read = (query: string) => readQuery(new URLSearchParams(query));

const PLAIN = { sort: "age", limit: 100, offset: 0, history: 0 } as const;

describe("a query", () => {
  test.each([
    ["", PLAIN],
    ["sort=rate", { ...PLAIN, sort: "rate" }],
    ["limit=0", { ...PLAIN, limit: 0 }],
    ["limit=1000&history=300", { ...PLAIN, limit: 1_000, history: 300 }],
    ["limit=007", { ...PLAIN, limit: 7 }],
    ["relay=a%20b", { ...PLAIN, relay: "a b" }],
    ["offset=200&limit=200", { ...PLAIN, offset: 200, limit: 200 }],
    ["find=&client=", PLAIN],
    ["find=10.0%20open", { ...PLAIN, find: "10.0 open" }],
    ["client=user+1000", { ...PLAIN, client: "user 1000" }],
    ["list=all", { ...PLAIN, list: "all" }],
    ["list=relay", { ...PLAIN, list: "relay" }],
    ["group=client", { ...PLAIN, group: "client", sort: "open" }],
    ["group=client&sort=held", { ...PLAIN, group: "client", sort: "held" }],
  ] as const)("%j", (query, meant) => {
    expect(read(query)).toEqual(meant);
  });

  test.each([
    "limit=1001",
    "limit=-1",
    "limit=",
    "limit=1e2",
    "limit=1.5",
    "limit=%2010",
    "limit=99999999999999999999",
    "history=301",
    "sort=",
    "sort=Age",
    "sort=constructor",
    "sort=age&sort=age",
    "limit=1&limit=2",
    "order=age",
    "sort=open",
    "list=",
    "list=web",
    "list=all&list=all",
    "list=all&group=client",
    "group=",
    "group=state",
    "offset=-1",
    "offset=9999999999",
    `find=${"x".repeat(201)}`,
    "__proto__=1",
    "toString=1",
  ])("%j makes no sense", (query) => {
    expect(() => read(query)).toThrow(QueryError);
  });

  test("whatever it says, is read or refused", () => {
    holds(
      import.meta.path,
      fc.property(fc.string(), (query) => {
        try {
          const { limit, history } = read(query);
          expect(limit).toBeWithin(0, 1_001);
          expect(history).toBeWithin(0, 301);
        } catch (error) {
          expect(error).toBeInstanceOf(QueryError);
        }
      }),
    );
  });
});
