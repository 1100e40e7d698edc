import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { runRelay, startRelay } from "../../support/process/executable.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { userNamespaces } from "../../support/sockets/visitor.ts";
import { accessBench, socketsAre, socketsOf, toTheEnd } from "./access-bench.ts";
import { ALICE, bob, BOB, GUESTS, setprivNeeds, STAFF, visitAs, type Client } from "./visit-as.ts";

const { freshPath, greeter } = accessBench();

await describeNeeding("Unix clients by what the kernel says of them", setprivNeeds, () => {
  type Rows = readonly (readonly [
    options: readonly string[],
    served: readonly Client[],
    refused: readonly Client[],
  ])[];
  const many = Array.from({ length: 200 }, (_, index) => 70_000 + index);
  const most = Array.from({ length: 9_000 }, (_, index) => 70_000 + index);
  const rows: Rows = [
    [[`--allow-users=${ALICE}`], [{ uid: ALICE, gid: 1 }], [bob(), { uid: 0, gid: 0 }]],
    [
      [`--allow-users=nobody,${ALICE},root`],
      [
        { uid: ALICE, gid: 1 },
        { uid: 0, gid: 1 },
        { uid: 65_534, gid: 1 },
      ],
      [bob()],
    ],
    [
      [`--allow-groups=${STAFF}`],
      [
        { uid: BOB, gid: STAFF },
        bob(STAFF),
        bob(GUESTS, STAFF),
        bob(...many, STAFF),
        bob(...most, STAFF),
      ],
      [bob(), bob(...many), bob(...most), { uid: 0, gid: 0 }],
    ],
    [[`--allow-groups=nogroup,${GUESTS}`], [bob(), { uid: 1, gid: 65_534 }], [{ uid: 1, gid: 1 }]],
    [
      [`--allow-users=${ALICE}`, `--allow-groups=${STAFF}`],
      [{ uid: ALICE, gid: 1 }, bob(STAFF)],
      [bob(), { uid: STAFF, gid: ALICE }],
    ],
  ];

  for (const where of ["a path", "an abstract name"])
    test.each([...rows])(`%j at ${where}`, async (options, good, bad) => {
      const path = freshPath();
      const source = where === "a path" ? path : `@${path}`;
      const open = where === "a path" ? ["--mode=0777"] : [];
      await using relay = await startRelay([
        ...["--connections-max=1", ...open, ...options],
        ...[source, greeter().address],
      ]);
      const before = socketsOf(relay);
      const visits = greeter().visits;
      const refused: string[] = [];
      for (const client of bad) {
        const { served, pid } = await visitAs(client, source);
        expect(served, JSON.stringify(client)).toBe(false);
        refused.push(`user ${client.uid}, group ${client.gid}, process ${pid}`);
      }
      for (const client of good)
        expect((await visitAs(client, source)).served, JSON.stringify(client)).toBe(true);
      await socketsAre(relay, before);
      const said = await toTheEnd(relay);
      expect(said.map(({ client }) => client)).toEqual(refused);
      expect(greeter().visits - visits).toBe(good.length);
    });
});

await describeNeeding(
  "in a user namespace that maps root alone",
  [...setprivNeeds, program("unshare"), userNamespaces],
  () => {
    const prefix = ["unshare", "--user", "--map-root-user", "--"];

    test("the id of all others lets nobody in", async () => {
      const source = freshPath();
      const rules = ["--allow-users=65534", "--allow-groups=65534,0"];
      await using relay = await startRelay(["--mode=0777", ...rules, source, greeter().address], {
        prefix,
      });
      for (const client of [bob(), { uid: 65_534, gid: 65_534 }, bob(GUESTS, 65_534)])
        expect((await visitAs(client, source)).served).toBe(false);
      expect((await visitAs(bob(0), source)).served).toBe(true);
      const said = await toTheEnd(relay);
      expect(said).toHaveLength(3);
      for (const { reason } of said) expect(reason).toContain("PrivateUsers=no");
    });

    test("who is mapped is told", async () => {
      const source = freshPath();
      const args = ["--mode=0777", "--allow-users=0", source, greeter().address];
      await using _relay = await startRelay(args, { prefix });
      expect((await visitAs({ uid: 0, gid: 0 }, source)).served).toBe(true);
      expect((await visitAs(bob(), source)).served).toBe(false);
    });
  },
);

describe("without FFI", () => {
  const env = { BUN_JSC_useJIT: "0" };

  test.each(["--allow-users=0", "--allow-groups=0"])(
    "%s is a reason not to start",
    async (rule) => {
      const source = freshPath();
      const { code, stderr } = await runRelay([rule, source, greeter().address], { env });
      // No later start could do better.
      expect(code).toBe(78);
      expect(stderr).toMatch(
        /^\S+ error cannot guard \S+: clients cannot be identified without FFI/,
      );
      expect(stderr.trimEnd()).not.toContain("\n");
      expect(existsSync(source)).toBe(false);
    },
  );
});
