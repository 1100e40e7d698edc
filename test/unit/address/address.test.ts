import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  ADDRESS_FORMS,
  AddressError,
  type Endpoint,
  type SocketEndpoint,
  isSameAddress,
  parseAddress,
  printAddress,
  type Role,
  staysLocal,
} from "../../../src/address/address.ts";
import { holds } from "../../support/property.ts";
import { roundsOf } from "../../support/repeat.ts";

const unix = (path: string): SocketEndpoint => ({ kind: "unix", path });
const abstract = (name: string): SocketEndpoint => ({ kind: "abstract", name });
const tcp = (host: string, port: number): SocketEndpoint => ({ kind: "tcp", host, port });

describe("an address is read", () => {
  test.each<[string, SocketEndpoint]>([
    ["/run/x/socket", unix("/run/x/socket")],
    ["./x", unix("./x")],
    ["run/x", unix("run/x")],
    ["/run/a:80", unix("/run/a:80")],
    ["/with space/ü", unix("/with space/ü")],
    ["unix:x", unix("x")],
    ["unix:a:80", unix("a:80")],
    ["unix:/run/x", unix("/run/x")],
    ["./@x", unix("./@x")],
    ["/" + "a".repeat(106), unix("/" + "a".repeat(106))],
    ["@name", abstract("name")],
    ["@/tmp/.X11-unix/X0", abstract("/tmp/.X11-unix/X0")],
    ["unix:@name", abstract("name")],
    ["localhost:80", tcp("localhost", 80)],
    ["my-host.example.:65535", tcp("my-host.example.", 65535)],
    ["127.0.0.1:1", tcp("127.0.0.1", 1)],
    ["[::1]:80", tcp("::1", 80)],
    ["[fe80::1%eth0]:80", tcp("fe80::1%eth0", 80)],
    [":80", tcp("", 80)],
    ["tcp:unix:80", tcp("unix", 80)],
    ["tcp::80", tcp("", 80)],
    ["tcp:[::]:80", tcp("::", 80)],
    ["TCP:80", tcp("TCP", 80)],
    ["tcp:UNIX:80", tcp("UNIX", 80)],
  ])("%s", (text, endpoint) => {
    expect(parseAddress(text, "source")).toEqual(endpoint);
    expect(parseAddress(text, "destination")).toEqual(endpoint);
  });

  test.each<[string, Endpoint]>([
    ["systemd", { kind: "systemd", name: "" }],
    ["systemd:web", { kind: "systemd", name: "web" }],
    ["fd:3", { kind: "fd", fd: 3 }],
  ])("%s, as a source only", (text, endpoint) => {
    expect(parseAddress(text, "source")).toEqual(endpoint);
    expect(() => parseAddress(text, "destination")).toThrow(AddressError);
    expect(printAddress(endpoint)).toBe(text);
  });

  test("a source may leave its port to the system", () => {
    expect(parseAddress("127.0.0.1:0", "source")).toEqual(tcp("127.0.0.1", 0));
  });
});

describe("an address is refused", () => {
  test.each<[string, RegExp]>([
    ["", /an address is needed/],
    ["name", /no \//],
    ["/run/\0x", /NUL/],
    ["unix:", /needs a name/],
    ["@", /needs a name/],
    ["/" + "a".repeat(108), /109 bytes are too long/],
    ["@" + "a".repeat(108), /108 bytes are too long/],
    ["/" + "ü".repeat(54), /109 bytes are too long/],
    ["/run/x/", /names a folder/],
    ["/run/\ud800", /Unicode/],
    ["/run/\ufffd", /not valid UTF-8/],
    ["@caf\ufffd", /not valid UTF-8/],
    ["localhost:", /port is missing/],
    ["localhost:65536", /not within 1 to 65535/],
    ["localhost:0", /not within 1 to 65535/],
    ["localhost:-1", /not a port number/],
    ["localhost:8o", /not a port number/],
    ["localhost:80 ", /not a port number/],
    ["::1:80", /brackets/],
    ["fe80::1%eth0", /brackets/],
    ["[::1]", /the port is missing; write \[::1\]:PORT/],
    ["127.0.0.1", /the port is missing; write 127.0.0.1:PORT/],
    ["localhost", /the port is missing; write localhost:PORT/],
    ["tcp:localhost", /the port is missing; write localhost:PORT/],
    ["8080", /a port alone; write :8080 or 127.0.0.1:8080/],
    ["TCP:localhost:80", /write tcp: in small letters/],
    ["Unix:name", /write unix: in small letters/],
    ["UNIX:/run/x", /write unix: in small letters/],
    ["FD:3", /write fd: in small letters/],
    ["SYSTEMD:web", /write systemd: in small letters/],
    ["Systemd", /write \.\/Systemd$/],
    ["TCP-LISTEN:80,fork", /socat/],
    ["UNIX-CONNECT:/run/x", /socat/],
    ["TCP4:127.0.0.1:80", /socat/],
    ["[::1]80", /HOST:PORT/],
    ["[127.0.0.1]:80", /not an IPv6 address/],
    ["[]:80", /not an IPv6 address/],
    ["1.2.3:80", /not a host name/],
    ["1.2.3.256:80", /not a host name/],
    ["010.0.0.1:80", /not a host name/],
    ["my host:80", /not a host name/],
    ["-x:80", /not a host name/],
    ["*:80", /write :80 for every interface/],
    ["x:y:80", /HOST:PORT/],
    ["systemd:a\nb", /systemd passes|FileDescriptorName/],
    ["fd:x", /inherited/],
    ["tcp:80", /a port alone/],
    ["http://localhost:80/", /URL/],
    ["unix:///run/x", /URL is not an address; write \/run\/x$/],
    ["file:///run/x", /URL is not an address; write \/run\/x$/],
    ["tcp://[::1]:80", /URL is not an address; write \[::1\]:80$/],
    ["http://user@example.org/a", /URL is not an address; write example.org:PORT$/],
    ["unix://", /URL is not an address; write \/PATH$/],
  ])("%j", (text, reason) => {
    expect(() => parseAddress(text, "destination")).toThrow(AddressError);
    expect(() => parseAddress(text, "destination")).toThrow(reason);
  });
});

describe("for any text", () => {
  const role = fc.constantFrom<Role>("source", "destination");
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom(..."/@:.[]%0159afux-tcp \0\ud800é".split("")),
      maxLength: 24,
    }),
    fc
      .tuple(
        fc.constantFrom("unix:", "tcp:", "TCP:", "UNIX:", "fd:", "tcp-listen:", "TCP4:"),
        fc.constantFrom("unix:", "", "TCP:", "Tcp4:", "Fd:", "tcp-l:", "./"),
        fc.constantFrom("80", "a/b", "x:80", "name"),
      )
      .map((parts) => parts.join("")),
    fc.tuple(fc.domain(), fc.nat(70_000)).map(([host, port]) => `${host}:${port}`),
    fc.tuple(fc.ipV6(), fc.nat(70_000)).map(([host, port]) => `[${host}]:${port}`),
    fc.tuple(fc.ipV4(), fc.nat(70_000)).map(([host, port]) => `${host}:${port}`),
  );
  const parse = (words: string, as: Role): Endpoint | null => {
    try {
      return parseAddress(words, as);
    } catch (error) {
      if (error instanceof AddressError) return null;
      throw error;
    }
  };

  test("nothing but an AddressError is thrown, and what is printed is read back the same", () => {
    let read = 0;
    holds(
      import.meta.path,
      fc.property(text, role, (words, as) => {
        const endpoint = parse(words, as);
        if (endpoint === null) return;
        read += 1;
        const printed = printAddress(endpoint);
        expect(parseAddress(printed, as)).toEqual(endpoint);
        expect(printAddress(parseAddress(printed, as))).toBe(printed);
      }),
      { runs: 5_000 },
    );
    expect(read).toBeGreaterThan(roundsOf(1_000));
  });
});

test.each<[string, string, boolean]>([
  ["/run/x", "/run/../run/x", true],
  ["/run/x", "/run/y", false],
  ["@x", "@x", true],
  ["@x", "./x", false],
  ["127.0.0.1:80", "127.0.0.1:80", true],
  ["127.0.0.1:80", "127.0.0.1:81", false],
  [":80", "localhost:80", true],
  [":80", "192.0.2.1:80", false],
  [":80", ":80", true],
  [":80", "[::1]:80", true],
  ["0.0.0.0:80", "127.0.0.1:80", true],
  ["0.0.0.0:80", "127.9.9.9:80", true],
  ["0.0.0.0:80", ":80", true],
  ["0.0.0.0:80", "[::1]:80", false],
  ["0.0.0.0:80", "0.0.0.0:80", true],
  ["[::]:80", "127.0.0.1:80", true],
  ["[::]:80", "a.localhost:80", true],
  ["127.0.0.1:80", ":80", true],
  ["127.0.0.1:80", "0.0.0.0:80", true],
  ["127.0.0.1:80", "LOCALHOST.:80", true],
  ["127.0.0.1:80", "[::ffff:127.0.0.1]:80", true],
  ["127.0.0.1:80", "127.0.0.2:80", false],
  ["127.0.0.1:80", "[::1]:80", false],
  ["[::1]:80", "[0:0:0:0:0:0:0:1]:80", true],
  ["[::1]:80", ":80", true],
  ["localhost:80", "[::1]:80", true],
  ["localhost:80", "127.0.0.2:80", false],
  ["a.localhost:80", "127.0.0.1:80", true],
  ["192.0.2.1:80", "127.0.0.1:80", false],
  ["Example.org:80", "example.org:80", true],
  ["example.org:80", "127.0.0.1:80", false],
  ["[fe80::1%1]:80", "[fe80::1%2]:80", false],
  ["[fe80::1%1]:80", "[fe80::1%1]:80", true],
])("from %s to %s is the same address: %p", (source, destination, same) => {
  const from = parseAddress(source, "source");
  expect(isSameAddress(from, parseAddress(destination, "destination"))).toBe(same);
});

test.each<[string, Role, boolean]>([
  ["/run/x", "source", true],
  ["127.9.9.9:80", "source", true],
  ["[::1]:80", "destination", true],
  ["[::ffff:127.0.0.1]:80", "source", true],
  ["localhost:80", "source", true],
  ["x.y.localhost.:80", "destination", true],
  ["localhost.example.org:80", "destination", false],
  ["[0:0:0:0:0:0:0:1]:80", "source", true],
  [":80", "source", false],
  [":80", "destination", true],
  ["0.0.0.0:80", "source", false],
  ["example.org:80", "destination", false],
])("%s as %s stays on this machine: %p", (text, role, local) => {
  expect(staysLocal(parseAddress(text, role), role)).toBe(local);
});

test("a message shows only the beginning of a very long text, and its length", () => {
  const long = `./${"x".repeat(100_000)}`;
  expect(() => parseAddress(long, "source")).toThrow(/^"\.\/x{198}"… \(100002 characters\): /);
});

test("a message shows control characters by their numbers", () => {
  expect(() => parseAddress("\u007f\u009b", "source")).toThrow('"\\u007f\\u009b": neither a path');
});

test.each<[string, Role]>(
  ["admin", "my-app.sock", ".socket", "a_b", "8080", "localhost", "10.0.0.1", "SYSTEMD"].flatMap(
    (text) => [[text, "source"] as [string, Role], [text, "destination"] as [string, Role]],
  ),
)("each address that the message about %s as %s suggests is valid", (text, role) => {
  let reason = "";
  try {
    parseAddress(text, role);
  } catch (error) {
    reason = error instanceof AddressError ? error.reason : "";
  }
  const [, suggested = ""] = /write (.*?)( in small letters)?$/.exec(reason) ?? [];
  const addresses = suggested.split(" or ").filter((address) => address !== "");
  expect(addresses).not.toBeEmpty();
  for (const address of addresses) parseAddress(address.replace("PORT", "80"), role);
});

test("systemd in other letters is corrected where systemd is an address", () => {
  expect(() => parseAddress("Systemd", "source")).toThrow("write systemd in small letters");
});

test("a port that cannot exist gets no suggestion", () => {
  expect(() => parseAddress("99999", "source")).toThrow(
    '"99999": a port alone, and port 99999 is not within 1 to 65535',
  );
});

test("a message lists the valid forms only if the text has none of them", () => {
  const shown = (text: string) => {
    try {
      return parseAddress(text, "source");
    } catch (error) {
      return error instanceof AddressError ? error.withForms : error;
    }
  };
  expect(shown("name")).toContain(`; an address is ${ADDRESS_FORMS}`);
  expect(shown("")).toContain(`; an address is ${ADDRESS_FORMS}`);
  expect(shown("x:y:80")).toContain(`; an address is ${ADDRESS_FORMS}`);
  expect(shown("127.0.0.1")).toBe('"127.0.0.1": the port is missing; write 127.0.0.1:PORT');
  expect(shown("x:99999")).toBe('"x:99999": port 99999 is not within 0 to 65535');
});
