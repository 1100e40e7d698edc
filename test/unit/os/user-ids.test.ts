import { describe, expect, test } from "bun:test";
import { groupId, userId } from "../../../src/os/user-ids.ts";

test("a user and a group of the system have their ids", () => {
  expect(userId("root")).toBe(0);
  expect(groupId("root")).toBe(0);
  expect(userId("nobody")).toBe(65534);
});

describe("a name that the system does not know has none", () => {
  test.each(["no-such-name", "", "-", "--help", "root:x", "root\n", "root\0", "ROOT", "0"])(
    "%j",
    (name) => {
      expect(userId(name)).toBeUndefined();
      expect(groupId(name)).toBeUndefined();
    },
  );
});

test("without getent the system's files have to do", () => {
  const script = `
    import { groupId, userId } from ${JSON.stringify(import.meta.resolve("../../../src/os/user-ids.ts"))};
    console.log(userId("root"), groupId("root"), userId("no-such-name"));`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], {
    env: { PATH: "/nonexistent" },
  });
  expect(stdout.toString()).toBe("0 0 undefined\n");
});
