import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { HandedCaptures } from "../../../../src/relay/capture/open-and-lock-capture-file.ts";
import { CaptureFile } from "../../../../src/relay/capture/capture-file.ts";
import { TcpConversation } from "../../../../src/relay/capture/tcp-conversation.ts";
import { fileHeader, PACKET_OFFSET } from "../../../../src/relay/capture/pcapng.ts";
import { PacketRecorder } from "../../../../src/relay/capture/packet-recorder.ts";
import { guessPort } from "../../../../src/relay/capture/guess-port.ts";
import { parseAddress } from "../../../../src/index.ts";
import { folderForTests } from "../../../support/temporary-folder.ts";

/** The blocks of a capture: their types and lengths, which must agree at both ends. */
function blocksOf(bytes: Buffer): { readonly type: number; readonly body: Buffer }[] {
  const blocks = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32LE(at + 4);
    expect(length % 4).toBe(0);
    expect(bytes.readUInt32LE(at + length - 4)).toBe(length);
    blocks.push({ type: bytes.readUInt32LE(at), body: bytes.subarray(at, at + length) });
    at += length;
  }
  return blocks;
}

/** The checksum of correct data is zero (RFC 1071). */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2)
    sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

interface Seen {
  readonly fromClient: boolean;
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly payload: Buffer;
}

/** The packets of a capture, of which all checksums are right. */
function packetsOf(bytes: Buffer): Seen[] {
  return blocksOf(bytes).map(({ type, body }) => {
    expect(type).toBe(6);
    const packet = body.subarray(PACKET_OFFSET, PACKET_OFFSET + body.readUInt32LE(20));
    expect(packet.length).toBe(packet.readUInt16BE(2));
    expect(checksum(packet.subarray(0, 20))).toBe(0);
    const tcp = packet.subarray(20);
    const pseudo = Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 6, 0, 0])]);
    pseudo.writeUInt16BE(tcp.length, 10);
    expect(checksum(Buffer.concat([pseudo, tcp]))).toBe(0);
    return {
      fromClient: packet[15] === 1,
      flags: tcp[13] ?? 0,
      sequence: tcp.readUInt32BE(4),
      acknowledgement: tcp.readUInt32BE(8),
      payload: tcp.subarray((tcp[12] ?? 0) >> 2),
    };
  });
}

function record(act: (conversation: TcpConversation) => void, cut = Infinity): Buffer {
  const blocks: Uint8Array[] = [];
  const recorder = new PacketRecorder((more) => void blocks.push(more), cut);
  act(new TcpConversation(recorder, 1, 80));
  recorder.flush();
  return Buffer.concat(blocks);
}

describe("a conversation", () => {
  test("has the sequence numbers, the flags and the checksums of TCP", () => {
    const big = Buffer.alloc(150_001, "abc");
    const packets = packetsOf(
      record((conversation) => {
        conversation.began("somebody");
        conversation.sent(true, Buffer.from("ping!"));
        conversation.sent(false, big);
        conversation.ended(true);
        conversation.reset(false);
      }),
    );
    const next = new Map([
      [true, 0],
      [false, 0],
    ]);
    for (const { fromClient, flags, sequence, acknowledgement, payload } of packets) {
      expect(sequence).toBe(next.get(fromClient) ?? -1);
      if ((flags & 0x10) !== 0) expect(acknowledgement).toBe(next.get(!fromClient) ?? -1);
      next.set(fromClient, sequence + payload.length + ((flags & 0x03) === 0 ? 0 : 1));
    }
    const flagsOf = packets.map(({ fromClient, flags }) => `${fromClient ? ">" : "<"}${flags}`);
    expect(flagsOf).toEqual([
      ...[">2", "<18", ">16"],
      ...[">24", "<16"],
      ...["<24", "<24", "<24", ">16"],
      ...[">17", "<16", "<20"],
    ]);
    const down = packets.filter(({ fromClient, flags }) => !fromClient && flags === 24);
    expect(Buffer.concat(down.map(({ payload }) => payload))).toEqual(big);
  });

  test("is cut where it is told, with its lengths as they were", () => {
    const bytes = record((conversation) => conversation.sent(true, Buffer.alloc(1_000)), 60);
    const [block] = blocksOf(bytes);
    expect(block?.body.readUInt32LE(20)).toBe(60);
    expect(block?.body.readUInt32LE(24)).toBe(1_040);
  });

  test("has the reset of an end once, and no answer of that end after it", () => {
    const packets = packetsOf(
      record((conversation) => {
        conversation.reset(true);
        conversation.reset(true);
        conversation.sent(false, Buffer.from("late"));
        conversation.ended(false);
      }),
    );
    const flagsOf = packets.map(({ fromClient, flags }) => `${fromClient ? ">" : "<"}${flags}`);
    expect(flagsOf).toEqual([">20", "<24", "<17"]);
  });

  test.each<[string, (conversation: TcpConversation) => void, string[]]>([
    ["both have ended", (one) => (one.ended(true), one.ended(false)), [">17", "<16", "<17", ">16"]],
    ["the client alone has ended", (one) => one.ended(true), [">17", "<16", ">20"]],
    ["the destination alone has ended", (one) => one.ended(false), ["<17", ">16", "<20"]],
    ["none has ended", () => {}, ["<20"]],
    ["the client has failed", (one) => one.reset(true), [">20"]],
  ])("is over for good, also for tshark, if %s", (_, act, expected) => {
    const packets = packetsOf(
      record((conversation) => {
        act(conversation);
        conversation.over();
        conversation.over();
      }),
    );
    const flagsOf = packets.map(({ fromClient, flags }) => `${fromClient ? ">" : "<"}${flags}`);
    expect(flagsOf).toEqual(expected);
  });
});

test("a recorder that has ended records and passes on nothing more", () => {
  const blocks: Uint8Array[] = [];
  const recorder = new PacketRecorder((more) => void blocks.push(more), Infinity);
  const conversation = new TcpConversation(recorder, 1, 80);
  conversation.sent(true, Buffer.from("waits"));
  recorder.end();
  conversation.ended(true);
  recorder.flush();
  expect(recorder.isOver).toBe(true);
  expect(blocks).toEqual([]);
});

describe("a file", () => {
  const folder = folderForTests("capture");
  const header = fileHeader("program", "relay", 0);
  const open = (
    path: string,
    { max = Infinity, ended = (_: string) => {}, handedOver = null as HandedCaptures | null } = {},
  ) => CaptureFile.open({ path, max, header, ended, handedOver });
  const packetsOfSize = (bytes: number) =>
    record((conversation) => conversation.sent(true, Buffer.alloc(bytes)));

  test("can be read by nobody else, and has only whole blocks", async () => {
    const path = join(folder, "one");
    const capture = open(path);
    const packets = record((conversation) => conversation.began("x"));
    capture.add(packets);
    await capture.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const umask = process.umask(0o777);
    const other = open(join(folder, "umask"));
    process.umask(umask);
    await other.close();
    expect(statSync(join(folder, "umask")).mode & 0o777).toBe(0o600);
    expect(blocksOf(readFileSync(path)).map(({ type }) => type)).toEqual([
      ...[0x0a0d0d0a, 1],
      ...[6, 6, 6],
    ]);
  });

  test.each([40_000, 1_000_000])("is one of the last two: %i bytes at once", async (bytes) => {
    const path = join(folder, "turns");
    const packets = packetsOfSize(bytes);
    const capture = open(path, { max: 100_000 });
    for (let round = 0; round < 20; round += 1) capture.add(packets);
    await capture.close();
    expect(
      readdirSync(folder)
        .filter((name) => name.startsWith("turns"))
        .sort(),
    ).toEqual(["turns", "turns.1"]);
    for (const name of ["turns", "turns.1"]) {
      const bytes = readFileSync(join(folder, name));
      expect(bytes.length).toBeLessThanOrEqual(100_000);
      expect(blocksOf(bytes)[0]?.type).toBe(0x0a0d0d0a);
    }
  });

  test("is never shared: another relay is refused, the next process of a handover is not", async () => {
    const path = join(folder, "shared");
    const first = open(path);
    first.add(packetsOfSize(1));
    expect(() => open(path)).toThrow("another relay captures into this file");
    expect(() => open(path, { handedOver: { paths: [], identities: [] } })).toThrow(
      "another relay captures into this file",
    );
    const next = open(path, { handedOver: { paths: [], identities: [first.identity ?? ""] } });
    next.take();
    expect(() => open(path)).toThrow("another relay captures into this file");
    await Promise.all([first.close(), next.close()]);
    expect(statSync(`${path}.1`).size).toBeGreaterThan(header.length);
    expect(statSync(path).size).toBe(header.length);
    await open(path).close();
  });

  test("is made only when the handover is complete; what was captured before is in it", async () => {
    const path = join(folder, "later");
    const first = open(path);
    const next = open(path, { handedOver: { paths: [path], identities: [] } });
    const packets = packetsOfSize(1);
    next.add(packets);
    expect(next.identity).toBeNull();
    expect(readdirSync(folder)).not.toContain("later.1");
    next.take();
    await Promise.all([first.close(), next.close()]);
    expect(statSync(path).size).toBe(header.length + packets.length);
    expect(statSync(`${path}.1`).size).toBe(header.length);
  });

  test("of a process that did not take over is beside the other, and only if it has packets", async () => {
    const path = join(folder, "failed");
    const handedOver = { paths: [path], identities: [] };
    const first = open(path);
    await open(path, { handedOver }).close();
    expect(readdirSync(folder)).not.toContain("failed.1");
    const next = open(path, { handedOver });
    const packets = packetsOfSize(1);
    next.add(packets);
    await Promise.all([next.close(), first.close()]);
    expect(statSync(`${path}.1`).size).toBe(header.length + packets.length);
    expect(statSync(path).size).toBe(header.length);
  });

  test("waits in memory for the end of a handover, and not without a limit", async () => {
    const path = join(folder, "held");
    const reasons: string[] = [];
    const handedOver = { paths: [], identities: [] };
    const capture = open(path, { handedOver, ended: (reason) => reasons.push(reason) });
    for (let round = 0; round < 3; round += 1) capture.add(Buffer.alloc(30_000_000));
    capture.take();
    await capture.close();
    expect(reasons).toEqual(["too much went through before the handover was complete"]);
    expect(readdirSync(folder)).not.toContain("held");
  });

  test("ends with a reason if it cannot be made after the handover", async () => {
    const inside = join(folder, "inside");
    mkdirSync(inside);
    const reasons: string[] = [];
    const handedOver = { paths: [], identities: [] };
    const path = join(inside, "file");
    const capture = open(path, { handedOver, ended: (reason) => reasons.push(reason) });
    rmSync(inside, { recursive: true });
    capture.take();
    capture.add(packetsOfSize(1));
    await capture.close();
    expect(reasons).toEqual([
      `cannot capture into ${path}: no such file or directory (ENOENT); make the folder ${inside} first`,
    ]);
  });

  test("ends with a reason if it is removed", async () => {
    const path = join(folder, "removed");
    const reasons: string[] = [];
    const capture = open(path, { ended: (reason) => reasons.push(reason) });
    rmSync(path);
    capture.add(packetsOfSize(1));
    await capture.close();
    expect(reasons).toEqual(["its file was removed"]);
  });

  test("that the next process has taken over ends where it is full", async () => {
    const path = join(folder, "left");
    const reasons: string[] = [];
    const capture = open(path, { max: 100_000, ended: (reason) => reasons.push(reason) });
    capture.stay();
    for (let round = 0; round < 20; round += 1) capture.add(packetsOfSize(40_000));
    await capture.close();
    expect(reasons).toEqual(["its file is full, and the next process captures now"]);
    expect(statSync(path).size).toBeLessThanOrEqual(100_000);
    expect(readdirSync(folder)).not.toContain("left.1");
  });

  test("keeps an earlier capture, and touches no other file", async () => {
    const path = join(folder, "again");
    await open(path).close();
    await open(path).close();
    expect(statSync(`${path}.1`).size).toBe(header.length);
    const other = join(folder, "other");
    await Bun.write(other, "precious");
    expect(() => open(other)).toThrow("this file is no capture");
    expect(readFileSync(other, "utf8")).toBe("precious");
    symlinkSync(other, join(folder, "link"));
    expect(() => open(join(folder, "link"))).toThrow("this is a symbolic link");
  });

  test("that cannot be made is an error that says how to fix it", () => {
    const error = (path: string, fix: string) =>
      expect(() => open(path)).toThrow(`cannot capture into ${path}: ${fix}`);
    error(folder, `this is a folder; name a file in it, such as ${folder}/relay.pcapng`);
    const missing = join(folder, "missing");
    error(
      join(missing, "file"),
      `no such file or directory (ENOENT); make the folder ${missing} first`,
    );
    error("/dev/null", "this is a device, and a capture needs a file; choose another name");
    const below = join(folder, "other/file");
    error(below, `not a directory (ENOTDIR); ${join(folder, "other")} must be a folder`);
    error(`${missing}/`, "illegal operation on a directory (EISDIR); name a file in it");
    error(join(folder, "x".repeat(256)), "name too long (ENAMETOOLONG); choose a shorter name");
  });
});

test.each([
  ["/run/x", "/run/postgresql/.s.PGSQL.5433", 5_432],
  ["/run/redis/in", "127.0.0.1:1", 6_379],
  ["/run/x", "@redis", 6_379],
  ["127.0.0.1:8080", "/run/app", 8_080],
  ["127.0.0.1:8080", "127.0.0.1:25", 25],
  ["/run/x", "/run/y", 80],
])("from %s to %s: port %p", (source, destination, port) => {
  const from = parseAddress(source, "destination");
  expect(guessPort(from, parseAddress(destination, "destination"))).toBe(port);
});
