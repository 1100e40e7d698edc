import { readFileSync } from "node:fs";

const PERIOD = 250;

/** Looks at the memory that a process has in use, four times a second, until it is disposed. */
export class MemoryWatch implements Disposable {
  readonly #samples: number[] = [];
  readonly #timer: Timer;

  constructor(pid: number) {
    this.#timer = setInterval(() => void this.#samples.push(residentKiB(pid)), PERIOD);
  }

  /** The medians of the first and of the last third of the time so far, in KiB. */
  get thirds(): { readonly first: number; readonly last: number } {
    const third = Math.ceil(this.#samples.length / 3);
    return {
      first: median(this.#samples.slice(0, third)),
      last: median(this.#samples.slice(-third)),
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Memory in use: VmRSS of proc(5). */
function residentKiB(pid: number): number {
  const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
