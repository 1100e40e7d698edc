import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  DOCUMENT_VERSION,
  type HandoverDocument,
  listenerKey,
  readDocument,
} from "../../../../src/process/handover/handover-document.ts";
import {
  type FromEarlier,
  type FromLater,
  readFromEarlier,
  readFromLater,
} from "../../../../src/process/handover/handover-messages.ts";
import { ShapeError } from "../../../../src/process/handover/read-json.ts";
import { holds } from "../../../support/property.ts";

const descriptor = fc.integer({ min: 3, max: 1_000 });
const id = fc.option(fc.nat());
const number = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);

const documents: fc.Arbitrary<HandoverDocument> = fc.record({
  version: fc.constant(DOCUMENT_VERSION),
  pid: fc.nat(),
  isParent: fc.boolean(),
  listeners: fc.array(
    fc.record({
      key: fc.string(),
      descriptors: fc.array(descriptor),
      port: fc.nat(65_535),
      file: fc.option(fc.record({ dev: number, ino: number, mode: id, owner: id, group: id })),
      backlog: fc.option(fc.nat()),
    }),
  ),
  passed: fc.array(fc.record({ descriptor, number: descriptor, name: fc.option(fc.string()) })),
  earlier: fc.array(fc.record({ pid: fc.nat(), descriptor, isParent: fc.boolean() })),
  relays: fc.array(
    fc.record({
      name: fc.string(),
      lastId: fc.nat(),
      captureFile: fc.option(fc.string()),
      capturePath: fc.option(fc.string()),
    }),
  ),
});

const FILE = { dev: "1", ino: "2", mode: 0o600, owner: null, group: null };

const DOCUMENT: HandoverDocument = {
  version: DOCUMENT_VERSION,
  pid: 1,
  isParent: true,
  listeners: [{ key: "source :80", descriptors: [4], port: 80, file: FILE, backlog: 9 }],
  passed: [],
  earlier: [],
  relays: [{ name: "web", lastId: 5, captureFile: null, capturePath: null }],
};

test("a document arrives as it was written", () => {
  holds(
    import.meta.path,
    fc.property(documents, (document) => {
      const message: FromEarlier = { kind: "document", document };
      expect(readFromEarlier(JSON.parse(JSON.stringify(message)))).toEqual(message);
    }),
  );
});

test("any other value is refused, and never believed", () => {
  holds(
    import.meta.path,
    fc.property(fc.jsonValue(), (value) => {
      expect(() => readDocument(value)).toThrow(ShapeError);
    }),
  );
});

test.each([
  [
    "a descriptor that is a text",
    { listeners: [{ ...DOCUMENT.listeners[0], descriptors: ["4"] }] },
  ],
  ["a file without its device", { listeners: [{ ...DOCUMENT.listeners[0], file: { ino: "2" } }] }],
  ["a fraction", { pid: 1.5 }],
  ["no list of sockets", { passed: undefined }],
])("%s is refused", (_, change) => {
  expect(() => readDocument({ ...DOCUMENT, ...change })).toThrow(ShapeError);
});

test("a later version is refused by its number, and added fields are not", () => {
  expect(readDocument({ ...DOCUMENT, added: 1 })).toEqual(DOCUMENT);
  const later = { ...DOCUMENT, version: DOCUMENT_VERSION + 1 };
  expect(() => readDocument(later)).toThrow(`its version is ${DOCUMENT_VERSION + 1}`);
});

test("the document of an earlier version is read without what that version did not know", () => {
  const { relays: _, listeners, ...rest } = DOCUMENT;
  const old = listeners.map(({ backlog: __, ...listener }) => listener);
  expect(readDocument({ ...rest, listeners: old })).toEqual({
    ...DOCUMENT,
    listeners: old.map((listener) => ({ ...listener, backlog: null })),
    relays: [],
  });
});

describe("messages", () => {
  test("an unknown kind is ignored: another version said it", () => {
    expect(readFromEarlier({ kind: "news", of: 1 })).toBeNull();
    expect(readFromLater({ kind: "news", of: 1 })).toBeNull();
  });

  test.each<FromLater>([
    { kind: "ready", pid: 5, claimed: [0, 2] },
    { kind: "failed", reason: "no room" },
    { kind: "newest", pid: 6 },
    { kind: "stop", drainTimeout: null },
    { kind: "stop", drainTimeout: 0 },
  ])("%j from a later process", (message) => {
    expect(readFromLater(JSON.parse(JSON.stringify(message)))).toEqual(message);
  });

  test.each<FromEarlier>([
    { kind: "taken" },
    { kind: "open", connections: 3 },
    { kind: "asked", times: 2 },
    { kind: "hangup" },
  ])("%j from an earlier process", (message) => {
    expect(readFromEarlier(JSON.parse(JSON.stringify(message)))).toEqual(message);
  });
});

test("a socket is found by its role and address, a path by where it leads", () => {
  const key = (path: string) => listenerKey("source", { kind: "unix", path });
  expect(key("./socket")).toBe(key(`${process.cwd()}/socket`));
  expect(key("./socket")).not.toBe(key("./other"));
  const tcp = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
  expect(listenerKey("source", tcp)).not.toBe(listenerKey("admin", tcp));
});

test.each([
  ["web", "/run/netns/web"],
  ["web", "/var/run/netns/web"],
  ["/proc/7/ns/net", "/proc/7/ns/./net"],
])("the key of sockets in the network namespace %s is that of %s", (one, other) => {
  const key = (netns: string) => listenerKey("source", { kind: "abstract", name: "a", netns });
  expect(key(one)).toBe(key(other));
  expect(key(one)).not.toBe(key("other"));
});
