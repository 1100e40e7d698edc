import { expect, test } from "bun:test";
import fc from "fast-check";
import { EAGAIN } from "../../../../src/os/errno.ts";
import { libc } from "../../../../src/os/libc.ts";
import { HeldBytes } from "../../../../src/relay/stream/held-bytes.ts";
import { KernelPipe } from "../../../../src/relay/stream/kernel-pipe.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";
import { must, system } from "../../../support/process/system-calls.ts";
import { holds } from "../../../support/property.ts";

/** A side that has room for so many bytes, and then none until it gets more. */
class Roomy extends Side {
  readonly isTcp = false;
  readonly got: number[] = [];
  space = 0;

  override write(bytes: Uint8Array): number {
    return this.#take(bytes.subarray(0, this.space));
  }

  override writeFrom(pipe: KernelPipe): number {
    return this.space === 0 ? -EAGAIN : this.#take(pipe.read(this.space));
  }

  #take(bytes: Uint8Array): number {
    this.got.push(...bytes);
    this.space -= bytes.length;
    return bytes.length;
  }
}

type Act =
  | { readonly do: "fill" | "add"; readonly bytes: Uint8Array }
  | { readonly do: "write"; readonly room: number };

const bytes = fc.uint8Array({ minLength: 1, maxLength: 6_000 });
const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("fill" as const), bytes }),
    fc.record({ do: fc.constant("add" as const), bytes }),
    fc.record({ do: fc.constant("write" as const), room: fc.nat(8_000) }),
  ),
  { maxLength: 12 },
);

test("what is held in chunks and in the kernel goes out in the order in which it was read", () => {
  if (libc === null) throw new Error("this test needs the C library through bun:ffi");
  using pair = socketPair();
  const pipe = KernelPipe.open(libc);
  if (pipe === null) throw new Error("there is no pipe");
  holds(
    import.meta.path,
    fc.property(acts, (acts) => {
      const held = new HeldBytes();
      held.kernelPipe = pipe;
      const to = new Roomy();
      const read: number[] = [];
      for (const act of acts) {
        if (act.do === "write") {
          to.space = act.room;
          expect(held.writeTo(to)).toBe(0);
        } else if (act.do === "add") {
          held.add(act.bytes);
          read.push(...act.bytes);
        } else if (held.bytes === 0) {
          must("send", system.send(pair.one, act.bytes));
          expect(pipe.fill(pair.other, act.bytes.length)).toBe(act.bytes.length);
          read.push(...act.bytes);
        }
        expect(held.bytes).toBe(read.length - to.got.length);
      }
      to.space = Infinity;
      expect(held.writeTo(to)).toBe(0);
      expect(held.bytes).toBe(0);
      expect(to.got).toEqual(read);
    }),
  );
  pipe.close();
});

test("what is dropped is counted, wherever it was", () => {
  const held = new HeldBytes();
  held.add(new Uint8Array(3));
  held.addFirst(new Uint8Array(4));
  expect(held.drop()).toBe(7);
  expect(held.bytes).toBe(0);
});

test("a chunk whose memory is somebody else's is copied", () => {
  const held = new HeldBytes();
  const shared = new Uint8Array([1, 2, 3]);
  held.add(shared);
  held.copyLast();
  shared.fill(9);
  const to = new Roomy();
  to.space = 3;
  held.writeTo(to);
  expect(to.got).toEqual([1, 2, 3]);
});
