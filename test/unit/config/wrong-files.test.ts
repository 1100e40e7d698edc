import { describe, expect, test } from "bun:test";
import { ConfigError } from "../../../src/config/config-error.ts";
import { parseConfig } from "../../../src/config/parse-config.ts";

const WEB = '[relay.web]\nsource = "127.0.0.1:1"\ndestination = "127.0.0.1:2"\n';
const FILE = '[relay.web]\nsource = "/run/web"\ndestination = "127.0.0.1:2"\n';

/** A wrong file, and each of its mistakes as `LINE:COLUMN: KEY: what`. */
const WRONG: readonly (readonly [text: string, ...mistakes: readonly string[]])[] = [
  ["", "1:1: there is no relay; write [relay.NAME]"],
  ["[relay.web\n", "1:11: this is not TOML: Unterminated"],
  ['[relay.web]\nsource "x"\n', "2:8: this is not TOML: "],
  [`${WEB}mode = \n`, "4:8: this is not TOML: "],
  [`${WEB}mode = "0660\n`, "4:13: this is not TOML: "],
  [`${WEB}source = "x"\n`, "4:1: this is not TOML: Defining a key multiple times"],
  [`${WEB}${WEB}`, "4:8: this is not TOML: Defining a key multiple times"],
  [
    `${WEB}backlog = 08\n`,
    "4:11: this is not TOML: Leading zeros are not allowed; write it without",
  ],
  [
    `${WEB}mode = 0660 # the group\n`,
    '4:8: this is not TOML: Leading zeros are not allowed; write text in quotes: mode = "0660"',
  ],
  [
    `${WEB}connect-timeout = 5s\n`,
    '4:20: this is not TOML: Must be a newline; write text in quotes: connect-timeout = "5s"',
  ],
  [`${WEB}freebind = yes\n`, "4:12: this is not TOML: Unexpected character; write true or false"],
  [
    `${WEB}freebind = "true"\n`,
    '4:12: relay.web.freebind: "true" is text; write true without quotes',
  ],
  [`${WEB}backlog = nine\n`, "4:11: this is not TOML: "],
  ['relay = "web"\n', "1:1: relay: must be a table; write [relay.NAME]"],
  ['[[relay]]\nsource = "x"\n', "1:3: relay: must be a table; write [relay.NAME]"],
  ['[relay]\nsource = "127.0.0.1:1"\n', "2:1: relay.source: a relay is a table with a name"],
  ['relay.web = "x"\n', "1:7: relay.web: a relay is a table with a name; write [relay.web]"],
  [`[[relay.web]]\nsource = "x"\n`, "1:9: relay.web: a relay is a table with a name"],
  [`defaults = 1\n${WEB}`, "1:1: defaults: must be a table; write [defaults]"],
  [`[[defaults]]\n${WEB}`, "1:3: defaults: must be a table; write [defaults]"],
  ["[relay.web]\n", "1:8: relay.web: lacks its source", "1:8: relay.web: lacks its destination"],
  ['[relay.web]\nsource = "x:1"\n', "1:8: relay.web: lacks its destination"],
  [
    `[relay."a b"]\n${WEB.slice(12)}`,
    '1:8: relay."a b": a relay\'s name must be valid as a unit\'s name: "a b" is not a unit',
  ],
  [
    `[relay.""]\n${WEB.slice(12)}`,
    '1:8: relay."": a relay\'s name must be valid as a unit\'s name: "" is not a unit',
  ],
  [
    `[relay.-x]\n${WEB.slice(12)}`,
    "1:8: relay.-x: a relay's name must be valid as a unit's name: \"-x\" is not a unit",
  ],
  [
    '[relay.web]\nsource = 8080\ndestination = "127.0.0.1:2"\n',
    "2:10: relay.web.source: 8080 is not an address; an address is ./PATH",
  ],
  [
    '[relay.web]\nsource = "8080"\ndestination = "127.0.0.1:0"\n',
    '2:10: relay.web.source: "8080": a port alone; write :8080',
    '3:15: relay.web.destination: "127.0.0.1:0": port 0 is not within 1 to 65535',
  ],
  [
    '[relay.web]\nsource = "127.0.0.1:1"\n[relay.web.destination]\nhost = "x"\n',
    "3:12: relay.web.destination: a table is not an address",
  ],
  [`workres = 2\n${WEB}`, "1:1: workres: there is no such key; did you mean workers?"],
  [`${WEB}[default]\n`, "4:2: default: there is no such key; did you mean defaults?"],
  [`${WEB}[relays.db]\n`, "4:2: relays: there is no such key; did you mean relay?"],
  [`${WEB}soruce = "x"\n`, "4:1: relay.web.soruce: there is no such key; did you mean source?"],
  [`${WEB}connectTimeout = "5s"\n`, "4:1: relay.web.connectTimeout: there is no such key; did"],
  [`${WEB}help = true\n`, "4:1: relay.web.help: there is no such key"],
  [`${WEB}"\\u001b[31m" = 1\n`, '4:1: relay.web."\\u001b[31m": there is no such key'],
  [`${WEB}__proto__ = 1\n`, "4:1: relay.web.__proto__: there is no such key"],
  [`${WEB}name = "web"\n`, "4:1: relay.web.name: a relay's name is that of its table"],
  [`idle-timeout = "5s"\n${WEB}`, "1:1: idle-timeout: concerns single relays; write it under"],
  [`source = "x"\n${WEB}`, "1:1: source: is each relay's own; write it under [relay.NAME]"],
  [`${WEB}workers = 2\n`, "4:1: relay.web.workers: concerns the whole process; write it at the"],
  [`[defaults]\nadmin = "/x"\n${WEB}`, "2:1: defaults.admin: concerns the whole process"],
  [`[defaults]\nsource = "/x"\n${WEB}`, "2:1: defaults.source: is each relay's own"],
  [
    `${WEB}idle-timeout = 5\n`,
    '4:16: relay.web.idle-timeout: 5 is not text; write it in quotes, like "5s"',
  ],
  [`${WEB}idle-timeout = "5m"\n`, '4:16: relay.web.idle-timeout: "5m" is not a time'],
  [`${WEB}idle-timeout = 2026-11-28\n`, "4:16: relay.web.idle-timeout: a date is not text"],
  [`${WEB}keepalive = "500ms"\n`, '4:13: relay.web.keepalive: "500ms" is too short'],
  [`${WEB}backlog = "100"\n`, '4:11: relay.web.backlog: "100" is text; write 100 without quotes'],
  [`${WEB}backlog = -1\n`, "4:11: relay.web.backlog: -1 is not a number from 0 to"],
  [`${WEB}backlog = 1e99\n`, "4:11: relay.web.backlog: 1e+99 is not a number from 0 to"],
  [`${WEB}[relay.web.backlog]\nx = 1\n`, "4:12: relay.web.backlog: is an option, not a table"],
  [`${WEB}allow = "10.0.0.0/8"\n`, '4:9: relay.web.allow: "10.0.0.0/8" is not a list'],
  [`${WEB}allow = []\n`, "4:9: relay.web.allow: the list is empty"],
  [
    `${WEB}allow = [\n  "10.0.0.0/8",\n  "10.0.0.1/8",\n]\n`,
    '6:3: relay.web.allow: "10.0.0.1/8" has bits set beyond its prefix',
  ],
  [
    `${FILE}mode = 0o660\n`,
    '4:8: relay.web.mode: 432 is not text; write it in quotes, like "0660"',
  ],
  [
    `${FILE}owner = "no-such-user"\n`,
    '4:9: relay.web.owner: this system knows no user "no-such-user"',
  ],
  [
    `${FILE}allow-users = [0, "no-such-user"]\n`,
    "4:19: relay.web.allow-users: this system knows no",
  ],
  [`${FILE}proxy-protocol = 2\n`, "4:18: relay.web.proxy-protocol: 2 is not one of v1, v2"],
  [`${WEB}capture-bytes = 100\n`, "4:1: relay.web.capture-bytes: makes sense only with capture"],
  [`${WEB}capture = "x"\ncapture-max = "1k"\n`, '5:15: relay.web.capture-max: "1k" is not a size'],
  [
    `[defaults]\ncapture = "x"\n${WEB}[relay.db]\nsource = ":2"\ndestination = ":3"\n`,
    "7:10: relay.db.capture: is the file of relay web as well",
  ],
  [
    `${WEB}capture = "x"\n[relay.db]\nsource = ":2"\ndestination = ":3"\ncapture = "./x"\n`,
    "8:1: relay.db.capture: is the file of relay web as well",
  ],
  [
    `${WEB}source-netns = "a/b"\n`,
    '4:16: relay.web.source-netns: "a/b" is not a network namespace; write a name',
  ],
  [
    `${FILE}source-netns = "vpn"\n`,
    "4:1: relay.web.source-netns: makes sense only if source is a TCP address or an abstract",
  ],
  [
    `${WEB}accept-proxy = true\n`,
    "4:1: relay.web.accept-proxy: needs accept-proxy-from: any other client could claim",
  ],
  [
    `[defaults]\naccept-proxy = true\n${WEB}`,
    "4:10: relay.web.accept-proxy: needs accept-proxy-from: any other client could",
  ],
  // An option with a wrong value is not also missing.
  [
    `${WEB}accept-proxy = true\naccept-proxy-from = "::1"\n`,
    '5:21: relay.web.accept-proxy-from: "::1" is not a list',
  ],
  [
    `[defaults]\naccept-proxy = 1\n${WEB}accept-proxy-from = ["::1"]\n`,
    "2:16: defaults.accept-proxy: 1 is neither true nor false",
  ],
  [`${WEB}capture = 1\ncapture-max = "1M"\n`, "4:11: relay.web.capture: 1 is not text"],
  [
    `${WEB}accept-proxy-from = ["::1"]\n`,
    "4:1: relay.web.accept-proxy-from: makes sense only with accept-proxy",
  ],
  [
    `${FILE}accept-proxy = true\naccept-proxy-from = ["::1"]\n`,
    "5:1: relay.web.accept-proxy-from: makes sense only if source is a TCP address, systemd",
  ],
  [
    `${FILE}allow = ["::1"]\n`,
    "4:1: relay.web.allow: makes sense only if source is a TCP address, systemd",
  ],
  [`access-log = "yes"\n${WEB}`, '1:14: access-log: "yes" is neither true nor false'],
  [`log-level = "loud"\n${WEB}`, '1:13: log-level: "loud" is not one of debug, info, warn, error'],
  [`admin = "192.0.2.1:80"\n${WEB}`, '1:9: admin: "192.0.2.1:80" is not loopback'],
  [`admin-mode = "0600"\n${WEB}`, "1:1: admin-mode: makes sense only if admin is a Unix socket"],
  [`admin = "127.0.0.1:1"\n${WEB}`, "1:1: admin: is the source of relay web"],
  [`admin = "127.0.0.1:2"\n${WEB}`, "4:15: relay.web.destination: is where admin listens"],
  [
    `${WEB}mode = "0660"\n`,
    "4:1: relay.web.mode: makes sense only if source is a Unix socket's path",
  ],
  [
    `${WEB}[defaults]\nallow-users = [0]\n`,
    "2:10: relay.web: allow-users, of [defaults], makes sense only if source is",
  ],
  [
    `${WEB}[relay.db]\nsource = ":1"\ndestination = "127.0.0.1:3"\n`,
    "5:10: relay.db.source: is the source of relay web as well",
  ],
  ...[
    ["localhost", "127.0.0.1"],
    ["localhost", "[::1]"],
    ["app.localhost", "localhost"],
    ["0.0.0.0", "localhost"],
    ["0.0.0.0", "192.0.2.1"],
    ["[::]", "192.0.2.1"],
    ["[::]", "[2001:db8::1]"],
    ["[2001:db8::1]", "[2001:DB8:0::1]"],
    ["Example.org", "example.org"],
  ].map(
    ([one, other]) =>
      [
        `[relay.a]\nsource = "${one}:1"\ndestination = "@x"\n` +
          `[relay.b]\nsource = "${other}:1"\ndestination = "@x"\n`,
        "5:10: relay.b.source: is the source of relay a as well",
      ] as const,
  ),
  [
    `${WEB}source-netns = "a"\n[relay.db]\nsource = ":1"\ndestination = ":2"\nsource-netns = "a"\n`,
    "6:10: relay.db.source: is the source of relay web as well",
  ],
  [
    `${FILE}[relay.db]\nsource = "/run/../run/web"\ndestination = "127.0.0.1:3"\n`,
    "5:10: relay.db.source: is the source of relay web as well",
  ],
  [
    '[relay.a]\nsource = "systemd"\ndestination = "x:1"\n' +
      '[relay.b]\nsource = "systemd"\ndestination = "x:1"\n',
    "5:10: relay.b.source: is the source of relay a as well; name the sockets: systemd:NAME",
  ],
  [
    '[relay.web]\nsource = "127.0.0.1:1"\ndestination = "127.0.0.1:1"\n',
    "3:15: relay.web.destination: is its source",
  ],
  [
    '[relay.a]\nsource = "/run/a"\ndestination = "127.0.0.1:1"\n' +
      '[relay.b]\nsource = "127.0.0.1:1"\ndestination = "@c"\n' +
      '[relay.c]\nsource = "@c"\ndestination = "/run/a"\n',
    "3:15: relay.a.destination: leads back to its source: a to b to c to a",
  ],
];

function mistakesOf(text: string): readonly string[] {
  try {
    parseConfig("x.toml", text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split("\n");
  }
}

test("there are at least forty", () => {
  expect(WRONG.length).toBeGreaterThanOrEqual(40);
});

describe("a wrong file is refused, with every mistake, its line, its column and its key", () => {
  test.each(WRONG.map(([text, ...mistakes]) => [text, mistakes] as const))(
    "%j",
    (text, mistakes) => {
      const found = mistakesOf(text);
      expect(
        found.map((line, index) => line.slice(0, 7 + (mistakes[index]?.length ?? 99))),
      ).toEqual(mistakes.map((mistake) => `x.toml:${mistake}`));
    },
  );
});

test("all mistakes of a file are told at once, in the order of their places", () => {
  const texts = [
    `${WEB}idle-timeout = 5\nbacklog = -1\n`,
    "[defaults]\nmode = 7\n",
    "workers = 0\n",
  ];
  expect(mistakesOf(`worker = 1\n${texts.toReversed().join("")}`)).toEqual([
    expect.stringContaining("x.toml:1:1: worker: there is no such key; did you mean workers?"),
    expect.stringContaining("x.toml:2:11: workers: 0 is not a number from 1 to 8192; or say auto"),
    expect.stringContaining("x.toml:4:8: defaults.mode: 7 is not text"),
    expect.stringContaining("x.toml:8:16: relay.web.idle-timeout: 5 is not text"),
    expect.stringContaining("x.toml:9:11: relay.web.backlog: -1 is not a number"),
  ]);
});

test("the mark of UTF-8 and lines that end as on other systems shift no place", () => {
  const text = `\ufeff${WEB}backlog = -1\n`.replaceAll("\n", "\r\n");
  expect(mistakesOf(text)).toEqual([expect.stringContaining("x.toml:4:11: relay.web.backlog: -1")]);
});
