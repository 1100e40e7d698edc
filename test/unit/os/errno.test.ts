import { expect, test } from "bun:test";
import dns from "node:dns/promises";
import { constants } from "node:os";
import { errnoCode, errnoWords } from "../../../src/os/errno.ts";

test.each(Object.entries(constants.errno))(
  "%s has a name, and words of its own",
  (name, number) => {
    // Two names of one number are one error.
    expect(constants.errno[errnoCode(number) as keyof typeof constants.errno] ?? number).toBe(
      number,
    );
    expect(errnoCode(-number)).toBe(errnoCode(number));
    for (const code of [name, errnoCode(number)]) expect(errnoWords(code)).not.toBe(code);
  },
);

const { NODATA, FORMERR, SERVFAIL, NOTFOUND, NOTIMP, REFUSED, BADQUERY, BADNAME, BADFAMILY } = dns;
const { BADRESP, CONNREFUSED, TIMEOUT, EOF, FILE, NOMEM, DESTRUCTION, BADSTR, BADFLAGS } = dns;
const { NONAME, BADHINTS, NOTINITIALIZED, CANCELLED } = dns;

test.each([
  ...[NODATA, FORMERR, SERVFAIL, NOTFOUND, NOTIMP, REFUSED, BADQUERY, BADNAME, BADFAMILY],
  ...[BADRESP, CONNREFUSED, TIMEOUT, EOF, FILE, NOMEM, DESTRUCTION, BADSTR, BADFLAGS],
  ...[NONAME, BADHINTS, NOTINITIALIZED, CANCELLED],
  ...["EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME", "EAI_MEMORY", "EAI_ADDRFAMILY"],
])("the resolver's %s has words", (code) => {
  expect(errnoWords(code)).not.toBe(code);
});

test("a number that nobody has a name for is told as it is", () => {
  expect(errnoCode(-4_000)).toBe("errno 4000");
  expect(errnoWords("errno 4000")).toBe("unknown error");
});
