import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeNeeding, program } from "../support/machine/parts.ts";
import { runProgram } from "../support/process/program.ts";
import type { Report } from "../bench/report.ts";

setDefaultTimeout(120_000);

const BENCH = join(import.meta.dir, "../bench/main.ts");
const FIGURES = {
  connect: ["rate", "p50", "p99", "cpu"],
  "bulk-16": ["rate", "cpu"],
  "ping-bulk": ["rate", "p50", "p99", "bulk", "cpu"],
  "idle-1000": ["memory"],
  start: ["time", "cpu"],
};
const DIRECTIONS = ["unix-tcp", "tcp-unix"];

const bench = (...options: string[]) =>
  runProgram([process.execPath, BENCH, ...options], {
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
  });

await describeNeeding("bench", ["redis-server", "redis-benchmark", "socat"].map(program), () => {
  test("a quick run gives every row's figures in both directions, and a chart", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
    try {
      const rows = Object.keys(FIGURES);
      const outcome = await bench(
        "--quick",
        "--seconds=0.05",
        `--rows=${rows.join(",")}`,
        "--peers=direct,socat",
        `--out=${folder}`,
      );
      expect(outcome).toMatchObject({ code: 0 });
      const report = (await Bun.file(join(folder, "bench.json")).json()) as Report;
      expect(figuresOf(report)).toEqual(
        Object.entries(FIGURES).flatMap(([row, figures]) =>
          DIRECTIONS.flatMap((direction) => [
            `${row} ${direction} simpletcpunixrelay: ${figures.join(" ")}`,
            `${row} ${direction} socat: ${figures.join(" ")}`,
          ]),
        ),
      );
      for (const row of rows) expect(outcome.stderr).toContain(` ${row} `);
      expect(outcome.stdout).toContain("CPU us/connection");
      expect(await Bun.file(join(folder, "bench.svg")).text()).toEndWith("</svg>\n");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("stalled connections are measured in all four directions", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
    try {
      const options = ["--quick", "--rows=stalled-100", "--peers=", `--out=${folder}`];
      expect(await bench(...options)).toMatchObject({ code: 0 });
      const report = (await Bun.file(join(folder, "bench.json")).json()) as Report;
      expect(figuresOf(report)).toEqual(
        [...DIRECTIONS, "tcp-tcp", "unix-unix"].map(
          (direction) => `stalled-100 ${direction} simpletcpunixrelay: memory further`,
        ),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("many relays in one process, and a handover, are set beside one relay", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
    try {
      const rows = "--rows=get-50-relays,connect-handover";
      const options = [rows, "--rounds=1", "--seconds=0.5", "--peers="];
      expect(await bench(...options, `--out=${folder}`)).toMatchObject({ code: 0 });
      const report = (await Bun.file(join(folder, "bench.json")).json()) as Report;
      expect(figuresOf(report)).toEqual([
        ...DIRECTIONS.flatMap((direction) =>
          ["relays-1", "relays-20"].map(
            (name) => `get-50-relays ${direction} ${name}: rate p50 p99 cpu memory`,
          ),
        ),
        ...DIRECTIONS.flatMap((direction) =>
          ["steady", "handover"].map(
            (name) => `connect-handover ${direction} ${name}: rate p50 p99 cpu`,
          ),
        ),
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("with several workers each carries connections, and ratios are to one worker", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
    try {
      const options = ["--rows=get-50-workers", "--rounds=1", "--seconds=0.5", "--peers="];
      const outcome = await bench(...options, `--out=${folder}`);
      expect(outcome).toMatchObject({ code: 0 });
      const report = (await Bun.file(join(folder, "bench.json")).json()) as Report;
      const figures = "rate p50 p99 cpu fewest most";
      expect(figuresOf(report)).toEqual(
        DIRECTIONS.flatMap((direction) =>
          [1, 2, 4].map((workers) => `get-50-workers ${direction} workers-${workers}: ${figures}`),
        ),
      );
      for (const { relays } of report.rows) {
        const [one, ...several] = relays.map(({ figures }) => figures);
        expect(one).toMatchObject({
          cpu: { ratio: 1 },
          fewest: { median: 50 },
          most: { median: 50 },
        });
        for (const { fewest, most } of several) {
          expect(fewest?.median).toBeGreaterThan(0);
          expect(most?.median).toBeLessThan(50);
        }
      }
      expect(await Bun.file(join(folder, "bench.svg")).text()).not.toContain("by workers");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test.each([
  ["--rows=get-50,nonsense", "--rows: there is no nonsense"],
  ["--peers=nonsense", "--peers: there is no nonsense"],
  ["--rounds=1.5", "--rounds=1.5: "],
  ["--nonsense", "--nonsense"],
])("%s is wrong usage", async (option, message) => {
  const outcome = await bench(option);
  expect(outcome).toMatchObject({ code: 64, stdout: "", stderr: expect.stringContaining(message) });
});

/** What the relays have finite figures for; direct, which has not all of them, is left out. */
function figuresOf(report: Report): string[] {
  return report.rows.flatMap(({ row, direction, relays }) =>
    relays
      .filter(({ relay }) => relay !== "direct")
      .map(({ relay, figures, failures }) => {
        const names = Object.entries(figures).flatMap(([name, figure]) =>
          Number.isFinite(figure.median) ? [name] : [],
        );
        return `${row} ${direction} ${relay}: ${[...names, ...failures].join(" ")}`;
      }),
  );
}
