import { describe, expect, test } from "bun:test";
import { hasSocketAt, otherInterfaces } from "../../../src/os/private-network-namespace.ts";

const HEADER = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
`;

describe("interfaces besides loopback", () => {
  test.each([
    ["    lo:       0       0    0    0\n", []],
    ["    lo: 0 0\n  eth0: 46 1\n", ["eth0"]],
    ["eth0:1 2\nlo:1 2\nlolo:0 0\nbr-1.2@x:0 0\n", ["eth0", "lolo", "br-1.2@x"]],
    ["", []],
  ])("of %j are %j", (text, names) => {
    expect(otherInterfaces(HEADER + text)).toEqual(names);
  });
});

describe("a socket's path in the kernel's list", () => {
  const text =
    "Num       RefCount Protocol Flags    Type St Inode Path\n" +
    "0000000000000000: 00000003 00000000 00000000 0002 03 910136 /run/systemd/notify\n" +
    "0000000000000000: 00000002 00000000 00010000 0001 01 910140 @name\n" +
    "0000000000000000: 00000003 00000000 00000000 0001 03 910144\n";

  test.each([
    ["/run/systemd/notify", true],
    ["@name", true],
    ["/run/systemd/notif", false],
    ["systemd/notify", false],
  ])("%s: %p", (path, found) => {
    expect(hasSocketAt(text, [path])).toBe(found);
  });
});
