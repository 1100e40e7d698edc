// Runs a program for which socket(2) fails with EAFNOSUPPORT for some address families, as in a
// systemd unit with RestrictAddressFamilies= and, for AF_INET6, on a machine without IPv6:
//   bun without-families.ts AF_INET6,AF_UNIX PROGRAM ARGUMENT...
import { dlopen, FFIType, ptr } from "bun:ffi";
import { AF_INET, AF_INET6, AF_UNIX } from "./system-calls.ts";

const FAMILIES: Readonly<Record<string, number>> = { AF_INET, AF_INET6, AF_UNIX };

// linux/filter.h, linux/seccomp.h, linux/prctl.h; the numbers of socket(2) are in asm/unistd.h.
const BPF_LOAD_WORD = 0x20;
const BPF_JUMP_IF_EQUAL = 0x15;
const BPF_RETURN = 0x06;
const SECCOMP_ALLOW = 0x7fff0000;
const SECCOMP_ERRNO = 0x00050000;
const EAFNOSUPPORT = 97;
const NUMBER_OFFSET = 0;
const FIRST_ARGUMENT_OFFSET = 16;
const SYS_SOCKET = process.arch === "arm64" ? 198 : 41;
const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_MODE_FILTER = 2;

const c = dlopen("libc.so.6", {
  prctl: {
    args: [FFIType.i32, FFIType.u64_fast, FFIType.ptr, FFIType.u64_fast, FFIType.u64_fast],
    returns: FFIType.i32,
  },
  execve: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
}).symbols;

const [families = "", program = "", ...rest] = process.argv.slice(2);
forbid(families.split(",").map((name) => FAMILIES[name] ?? fail(`no family: ${name}`)));
c.execve(cString(program), cStrings([program, ...rest]), cStrings(environment()));
fail(`cannot run ${program}`);

function forbid(numbers: readonly number[]): void {
  const count = numbers.length;
  const instructions: (readonly [code: number, ifTrue: number, ifFalse: number, value: number])[] =
    [
      [BPF_LOAD_WORD, 0, 0, NUMBER_OFFSET],
      [BPF_JUMP_IF_EQUAL, 0, count + 1, SYS_SOCKET],
      [BPF_LOAD_WORD, 0, 0, FIRST_ARGUMENT_OFFSET],
      ...numbers.map((number, index) => [BPF_JUMP_IF_EQUAL, count - index, 0, number] as const),
      [BPF_RETURN, 0, 0, SECCOMP_ALLOW],
      [BPF_RETURN, 0, 0, SECCOMP_ERRNO | EAFNOSUPPORT],
    ];
  const code = new DataView(new ArrayBuffer(8 * instructions.length));
  instructions.forEach(([operation, ifTrue, ifFalse, value], index) => {
    code.setUint16(8 * index, operation, true);
    code.setUint8(8 * index + 2, ifTrue);
    code.setUint8(8 * index + 3, ifFalse);
    code.setUint32(8 * index + 4, value, true);
  });
  const filter = new DataView(new ArrayBuffer(16));
  filter.setUint16(0, instructions.length, true);
  filter.setBigUint64(8, BigInt(ptr(new Uint8Array(code.buffer))), true);
  if (c.prctl(PR_SET_NO_NEW_PRIVS, 1, null, 0, 0) !== 0) fail("no_new_privs");
  if (c.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, new Uint8Array(filter.buffer), 0, 0) !== 0)
    fail("the kernel takes no filter");
}

function environment(): string[] {
  return Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
}

function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

function cStrings(texts: readonly string[]): BigUint64Array {
  // Kept until the program has taken this one's place.
  kept = texts.map(cString);
  return BigUint64Array.from([...kept.map((text) => BigInt(ptr(text))), 0n]);
}

var kept: Uint8Array[] = [];

function fail(why: string): never {
  console.error(`without-families: ${why}`);
  process.exit(1);
}
