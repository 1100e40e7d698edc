import type { SampleDocument } from "../admin/status-document.ts";
import { formatDuration } from "../figures/print-figures.ts";
import { html, setAttributes, setText, svg } from "./dom.ts";
import { axisFor } from "./scale.ts";

/** One line of a plot. */
export interface Series {
  readonly name: string;
  /** The CSS class that sets its colour. */
  readonly kind: string;
  readonly value: (sample: SampleDocument) => number;
}

export interface ChartOptions {
  readonly title: string;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** The smallest value at which the axis may end. */
  readonly least: number;
  readonly seconds: number;
}

const LEFT = 4;
const RIGHT = 6;
const TOP = 18;
const BOTTOM = 18;
const MARKS_S = 60;

/**
 * A plot of the last minutes. The pointer or the arrow keys select a moment; the legend then shows its
 * values instead of the latest.
 */
export class Chart {
  readonly #options: ChartOptions;
  readonly #figure: HTMLElement;
  readonly #plot = svg("svg", { "aria-hidden": "true" });
  readonly #values: readonly HTMLElement[];
  readonly #when = html("span", { class: "when" });
  #samples: readonly SampleDocument[] = [];
  #now = 0;
  /** The selected moment, in seconds before now. */
  #chosen: number | null = null;

  constructor(figure: HTMLElement, options: ChartOptions) {
    this.#options = options;
    this.#figure = figure;
    this.#values = options.series.map(() => html("b"));
    const entries = options.series.map(({ name, kind }, index) =>
      html(
        "span",
        {},
        html("span", { class: `key ${kind}` }),
        `${name} `,
        this.#values[index] ?? "",
      ),
    );
    figure.append(
      html(
        "figcaption",
        {},
        html("h2", {}, options.title),
        html("span", { class: "legend" }, this.#when, ...entries),
      ),
      this.#plot,
    );
    figure.setAttribute("aria-label", `${options.title}; arrow keys choose a moment`);
    new ResizeObserver(() => this.#draw()).observe(this.#plot);
    figure.addEventListener("keydown", (event) => this.#key(event));
    figure.addEventListener("blur", () => this.#choose(null));
    this.#plot.addEventListener("pointermove", (event) => this.#point(event));
    this.#plot.addEventListener("pointerleave", () => this.#choose(null));
  }

  /** Shows samples, oldest first; `now` is by the samples' clock. */
  show(samples: readonly SampleDocument[], now: number): void {
    this.#samples = samples;
    this.#now = now;
    this.#draw();
  }

  #choose(seconds: number | null): void {
    this.#chosen = seconds === null ? null : Math.min(Math.max(seconds, 0), this.#options.seconds);
    this.#draw();
  }

  #key(event: KeyboardEvent): void {
    const step = event.shiftKey ? 10 : 1;
    if (event.key === "ArrowLeft") this.#choose((this.#chosen ?? 0) + step);
    else if (event.key === "ArrowRight") this.#choose((this.#chosen ?? 0) - step);
    else if (event.key === "Escape") this.#choose(null);
    else return;
    event.preventDefault();
  }

  #point(event: PointerEvent): void {
    const { left, width } = this.#plot.getBoundingClientRect();
    const part = (event.clientX - left - LEFT) / (width - LEFT - RIGHT);
    this.#choose((1 - part) * this.#options.seconds);
  }

  #draw(): void {
    const { width, height } = this.#plot.getBoundingClientRect();
    if (width === 0) return;
    const { series, seconds, least, format } = this.#options;
    const shown = this.#samples.filter(({ at }) => at >= this.#now - seconds);
    const most = Math.max(
      0,
      ...shown.flatMap((sample) => series.map(({ value }) => value(sample))),
    );
    const { end, step } = axisFor(most, least);
    const x = (at: number) => width - RIGHT - ((this.#now - at) / seconds) * (width - LEFT - RIGHT);
    const y = (value: number) => height - BOTTOM - (value / end) * (height - TOP - BOTTOM);
    setAttributes(this.#plot, { viewBox: `0 0 ${width} ${height}` });
    const chosen = this.#sampleAt(shown);
    this.#plot.replaceChildren(
      ...levels(end, step).flatMap((value) => [
        svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
        svg("text", { x: LEFT, y: y(value) - 4 }, plain(format(value))),
      ]),
      ...minutes(seconds).map((ago) =>
        svg(
          "text",
          { x: x(this.#now - ago), y: height - 4, "text-anchor": ago === 0 ? "end" : "middle" },
          ago === 0 ? "now" : `${ago / MARKS_S} min ago`,
        ),
      ),
      ...series.flatMap(({ kind, value }) => {
        const points = shown.map((sample) => `${round(x(sample.at))} ${round(y(value(sample)))}`);
        const [first, last] = [shown.at(0), shown.at(-1)];
        if (first === undefined || last === undefined) return [];
        const line = `M${points.join("L")}`;
        const area = `${line}L${round(x(last.at))} ${y(0)}L${round(x(first.at))} ${y(0)}Z`;
        return [
          svg("path", { class: `area ${kind}`, d: area }),
          svg("path", { class: `line ${kind}`, d: line }),
        ];
      }),
      ...(chosen === undefined || this.#chosen === null
        ? []
        : [
            svg("line", {
              class: "cursor",
              x1: x(chosen.at),
              x2: x(chosen.at),
              y1: TOP,
              y2: height - BOTTOM,
            }),
          ]),
    );
    this.#tell(chosen);
  }

  /** The sample of the selected moment, or the latest. */
  #sampleAt(shown: readonly SampleDocument[]): SampleDocument | undefined {
    if (this.#chosen === null) return shown.at(-1);
    const at = this.#now - this.#chosen;
    return shown.find((sample) => sample.at >= at) ?? shown.at(-1);
  }

  #tell(sample: SampleDocument | undefined): void {
    const { series, format } = this.#options;
    for (const [index, { value }] of series.entries()) {
      const output = this.#values[index];
      if (output) setText(output, sample === undefined ? "–" : format(value(sample)));
    }
    const chosen = this.#chosen === null ? undefined : sample;
    setText(this.#when, chosen === undefined ? "" : ago(this.#now - chosen.at));
    // A screen reader announces a selection, but not each new second.
    this.#figure.setAttribute("aria-live", this.#chosen === null ? "off" : "polite");
  }
}

/** Prints an axis mark without trailing zeros. */
function plain(figure: string): string {
  return figure.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
}

function ago(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${whole < 60 ? `${whole} s` : formatDuration(whole)} ago`;
}

function levels(end: number, step: number): number[] {
  return Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
}

function minutes(seconds: number): number[] {
  return Array.from({ length: Math.floor(seconds / MARKS_S) }, (_, index) => index * MARKS_S);
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
