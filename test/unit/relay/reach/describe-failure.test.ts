import { describe, expect, test } from "bun:test";
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAddress } from "../../../../src/address/address.ts";
import { targetOf } from "../../../../src/address/resolve-destination.ts";
import {
  type AddressFailure,
  describeFailure,
} from "../../../../src/relay/reach/describe-failure.ts";
import { RawListener } from "../../../support/sockets/raw-socket.ts";
import { folderForTests } from "../../../support/temporary-folder.ts";

function failure(
  destination: string,
  failures: readonly (AddressFailure | string)[],
  waited = false,
) {
  return describeFailure(
    targetOf(parseAddress(destination, "destination")),
    failures.map((one) => (typeof one === "string" ? { address: destination, code: one } : one)),
    waited,
  );
}

describe("a destination that was not reached", () => {
  test("is named, with the reason in words and its code", () => {
    expect(failure("127.0.0.1:80", ["ECONNREFUSED"])).toEqual({
      code: "ECONNREFUSED",
      message: "cannot reach 127.0.0.1:80: connection refused (ECONNREFUSED)",
    });
  });

  test.each([
    ["nope.invalid:80", "ENOTFOUND", "no such name (ENOTFOUND)"],
    ["db:80", "EAI_AGAIN", "the name's resolver did not answer (EAI_AGAIN)"],
    ["10.0.0.1:80", "ETIMEDOUT", "no answer in time (ETIMEDOUT)"],
    ["[::1]:80", "EADDRNOTAVAIL", "address not available (EADDRNOTAVAIL)"],
    ["@name", "EPROTOTYPE", "is a socket for datagrams or packets, not for streams (EPROTOTYPE)"],
  ])("%s, %s: %s", (destination, code, words) => {
    expect(failure(destination, [code]).message).toBe(`cannot reach ${destination}: ${words}`);
  });

  test("whose links lead in a circle is not called the relay's own source", () => {
    const folder = mkdtempSync(join(tmpdir(), "links-"));
    const path = join(folder, "loop");
    symlinkSync("loop", path);
    expect(failure(path, ["ELOOP"]).message).toBe(
      `cannot reach ${path}: too many symbolic links encountered (ELOOP)`,
    );
    rmSync(folder, { recursive: true });
    expect(failure(path, ["ELOOP"]).message).toContain("it is the relay's own source (ELOOP)");
  });

  test("in a namespace that is none is not said to lack an interface", () => {
    const target = targetOf(parseAddress("[fe80::1%eth0]:80", "destination"), "/etc/passwd");
    expect(describeFailure(target, [{ address: "", code: "EINVAL" }], false).message).toBe(
      "cannot reach [fe80::1%eth0]:80: network namespace /etc/passwd: this file is no network " +
        "namespace (EINVAL)",
    );
  });

  test("that may not be opened, with what gives the right to", () => {
    expect(failure("/run/x/socket", ["EACCES"]).message).toBe(
      "cannot reach /run/x/socket: permission denied (EACCES); the relay's user needs a group that " +
        "may open it (in a unit: SupplementaryGroups=)",
    );
    expect(failure("127.0.0.1:80", ["EACCES"]).message).not.toContain("group");
  });

  test.each([
    ["EAGAIN", "its queue of clients stayed full"],
    ["EADDRNOTAVAIL", "no local port was free"],
    ["EMFILE", "this process had no descriptor left"],
    ["ENFILE", "the system had no descriptor left"],
  ])("because of a shortage that did not pass, %s: %s", (code, words) => {
    expect(failure("127.0.0.1:80", [code], true).message).toBe(
      `cannot reach 127.0.0.1:80: ${words} (${code})`,
    );
  });

  test("at several addresses: one reason for all, or each with its own", () => {
    const [one, other] = ["10.0.0.1:80", "10.0.0.2:80"];
    const failures = [
      { address: one, code: "ETIMEDOUT" },
      { address: other, code: "ETIMEDOUT" },
    ];
    expect(failure("db:80", failures).message).toBe(
      `cannot reach db:80: no answer in time (ETIMEDOUT) at ${one} and ${other}`,
    );
    expect(
      failure("db:80", [
        { address: one, code: "ETIMEDOUT" },
        { address: other, code: "ECONNREFUSED" },
      ]).message,
    ).toBe(
      `cannot reach db:80: no answer in time (ETIMEDOUT) at ${one}, ` +
        `connection refused (ECONNREFUSED) at ${other}`,
    );
  });

  test("what an address answered counts more than that there is no way to another", () => {
    expect(failure("localhost:80", ["EADDRNOTAVAIL", "ECONNREFUSED"]).code).toBe("ECONNREFUSED");
    expect(failure("localhost:80", ["ENETUNREACH", "EADDRNOTAVAIL"]).code).toBe("ENETUNREACH");
  });
});

describe("a destination's path", () => {
  const folder = folderForTests("failure");
  const path = (name: string) => join(folder, name);
  const wordsAt = (name: string) => failure(path(name), ["ECONNREFUSED"]).message.split(": ")[1];

  test("that is a regular file, or a folder", () => {
    writeFileSync(path("file"), "");
    mkdirSync(path("folder"));
    expect(wordsAt("file")).toBe("is a regular file, not a socket (ECONNREFUSED)");
    expect(wordsAt("folder")).toBe("is a folder, not a socket (ECONNREFUSED)");
  });

  test("that is something else, or a link to it", () => {
    expect(Bun.spawnSync(["mkfifo", path("fifo")]).exitCode).toBe(0);
    expect(wordsAt("fifo")).toBe("is a named pipe, not a socket (ECONNREFUSED)");
    expect(failure("/dev/null", ["ECONNREFUSED"]).message).toContain("is a device, not a socket");
  });

  test("that is a socket where nobody listens, or is gone meanwhile", () => {
    new RawListener({ kind: "unix", path: path("stale") }).close();
    expect(wordsAt("stale")).toBe("connection refused (ECONNREFUSED)");
    expect(wordsAt("missing")).toBe("connection refused (ECONNREFUSED)");
  });
});
