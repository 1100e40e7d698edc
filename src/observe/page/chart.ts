import type { SampleDocument } from "../admin/status-format.ts";
import { formatDuration } from "../figures/print-figures.ts";
import type { ChartCursor } from "./chart-cursor.ts";
import { html, setAttributes, setText, svg } from "./dom.ts";
import type { Scale } from "./chart-scale.ts";

/** One curve of a plot. */
export interface Series {
  readonly name: string;
  /** The CSS class that sets the curve's colour. */
  readonly kind: string;
  /** The value of a sample; null if the sample has no value, so that the curve has a gap there. */
  readonly value: (sample: SampleDocument) => number | null;
  /** Set if the curve is drawn downwards from the zero line. */
  readonly isBelow?: true;
  /**
   * The form of the curve. `"line"`: only a line. `"bars"`: a vertical bar for each sample, from
   * the scale's base to the value. If the field is absent: a line, with the area between the line
   * and the scale's base filled.
   */
  readonly shape?: "line" | "bars";
}

export interface ChartOptions {
  readonly title: string;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  readonly scale: (samples: readonly SampleDocument[]) => Scale;
  readonly seconds: number;
  readonly cursor: ChartCursor;
}

// The margins around the plot, in pixels. The left margin has room for an axis label such as "999
// MB/s".
const LEFT = 58;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 18;
const MARKS_S = 60;

interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly shown: readonly SampleDocument[];
  readonly scale: Scale;
  readonly x: (at: number) => number;
  readonly y: (value: number) => number;
}

/**
 * A plot of the last minutes. The reader selects a moment with the pointer or the arrow keys. The
 * selection applies to all plots. While a moment is selected, the legends show the values of this
 * moment instead of the latest values.
 */
export class Chart {
  readonly #options: ChartOptions;
  readonly #figure: HTMLElement;
  readonly #plot = svg("svg", { "aria-hidden": "true" });
  readonly #values: readonly HTMLElement[];
  readonly #when = html("span", { class: "when" });
  #samples: readonly SampleDocument[] = [];
  #now = 0;

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
    figure.setAttribute("aria-label", `${options.title}; arrow keys select a moment`);
    options.cursor.onMove(() => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.#plot);
    figure.addEventListener("keydown", (event) => this.#key(event));
    figure.addEventListener("blur", () => options.cursor.select(null));
    this.#plot.addEventListener("pointermove", (event) => this.#point(event));
    this.#plot.addEventListener("pointerleave", () => options.cursor.select(null));
  }

  /**
   * Draws samples.
   *
   * @param samples - oldest first
   * @param now - the current time in seconds, counted from the same moment as `at` of the samples
   */
  show(samples: readonly SampleDocument[], now: number): void {
    this.#samples = samples;
    this.#now = now;
    this.#draw();
  }

  #key(event: KeyboardEvent): void {
    const { cursor } = this.#options;
    const step = event.shiftKey ? 10 : 1;
    if (event.key === "ArrowLeft") cursor.select((cursor.seconds ?? 0) + step);
    else if (event.key === "ArrowRight") cursor.select((cursor.seconds ?? 0) - step);
    else if (event.key === "Escape") cursor.select(null);
    else return;
    event.preventDefault();
  }

  #point(event: PointerEvent): void {
    const { left, width } = this.#plot.getBoundingClientRect();
    const part = (event.clientX - left - LEFT) / (width - LEFT - RIGHT);
    this.#options.cursor.select((1 - part) * this.#options.seconds);
  }

  #draw(): void {
    const { width, height } = this.#plot.getBoundingClientRect();
    if (width === 0) return;
    const { seconds } = this.#options;
    const shown = this.#samples.filter(({ at }) => at >= this.#now - seconds);
    const scale = this.#options.scale(shown);
    const drawing: Drawing = {
      width,
      height,
      shown,
      scale,
      x: (at) => width - RIGHT - ((this.#now - at) / seconds) * (width - LEFT - RIGHT),
      y: (value) => height - BOTTOM - scale.position(value) * (height - TOP - BOTTOM),
    };
    const selected = this.#sampleAt(shown);
    setAttributes(this.#plot, { viewBox: `0 0 ${width} ${height}` });
    this.#plot.replaceChildren(
      ...this.#drawGrid(drawing),
      ...this.#options.series.flatMap((series) => drawSeries(series, drawing)),
      ...(selected === undefined || this.#options.cursor.seconds === null
        ? []
        : [drawCursor(selected, drawing)]),
    );
    this.#tell(selected);
  }

  #drawGrid({ width, height, scale, x, y }: Drawing): SVGElement[] {
    const { format, seconds } = this.#options;
    const levels = scale.marks.flatMap((value) => [
      svg("line", {
        class: value === 0 ? "grid zero" : "grid",
        ...{ x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) },
      }),
      svg(
        "text",
        { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" },
        plain(format(Math.abs(value))),
      ),
    ]);
    const times = minutes(seconds).map((ago) =>
      svg(
        "text",
        { x: x(this.#now - ago), y: height - 4, "text-anchor": ago === 0 ? "end" : "middle" },
        ago === 0 ? "now" : `${ago / MARKS_S} min ago`,
      ),
    );
    return [...levels, ...times];
  }

  /**
   * The sample at the selected moment; the latest sample if no moment is selected; undefined if
   * there are no samples.
   */
  #sampleAt(shown: readonly SampleDocument[]): SampleDocument | undefined {
    const { seconds } = this.#options.cursor;
    if (seconds === null) return shown.at(-1);
    return shown.find(({ at }) => at >= this.#now - seconds) ?? shown.at(-1);
  }

  #tell(sample: SampleDocument | undefined): void {
    const { series, format, cursor } = this.#options;
    for (const [index, { value }] of series.entries()) {
      const output = this.#values[index];
      const figure = sample === undefined ? null : value(sample);
      if (output) setText(output, figure === null ? "–" : format(figure));
    }
    const selected = cursor.seconds === null ? undefined : sample;
    setText(this.#when, selected === undefined ? "" : ago(this.#now - selected.at));
    // Let a screen reader announce the values only if the plot has the focus and a moment is
    // selected. Otherwise the screen reader would announce the new values each second.
    const isHeard = selected !== undefined && document.activeElement === this.#figure;
    this.#figure.setAttribute("aria-live", isHeard ? "polite" : "off");
  }
}

function drawSeries({ kind, value, isBelow, shape }: Series, drawing: Drawing): SVGElement[] {
  const { shown, scale, x, y } = drawing;
  const sign = isBelow === true ? -1 : 1;
  const runs: string[][] = [];
  let run: string[] = [];
  for (const sample of shown) {
    const figure = value(sample);
    if (figure === null) run = [];
    else {
      if (run.length === 0) runs.push(run);
      run.push(`${round(x(sample.at))} ${round(y(sign * figure))}`);
    }
  }
  if (runs.length === 0) return [];
  const base = round(y(scale.base));
  if (shape === "bars") {
    const bars = runs.flat().map((point) => `M${point}V${base}`);
    return [svg("path", { class: `bars ${kind}`, d: bars.join("") })];
  }
  // A single point becomes a line of length 0. The round line ends show the line as a dot.
  const line = runs.map((points) => `M${points.join("L")}${points.length === 1 ? "h0" : ""}`);
  const paths = [svg("path", { class: `line ${kind}`, d: line.join("") })];
  if (shape === "line") return paths;
  const area = runs.map((points) => {
    const [first = "", last = ""] = [points.at(0), points.at(-1)];
    return `M${points.join("L")}L${columnOf(last)} ${base}L${columnOf(first)} ${base}Z`;
  });
  return [svg("path", { class: `area ${kind}`, d: area.join("") }), ...paths];
}

function drawCursor({ at }: SampleDocument, { height, x }: Drawing): SVGElement {
  return svg("line", { class: "cursor", x1: x(at), x2: x(at), y1: TOP, y2: height - BOTTOM });
}

/** The horizontal coordinate of a point that is written as `x y`. */
function columnOf(point: string): string {
  return point.slice(0, point.indexOf(" "));
}

/** Prints an axis mark without trailing zeros. */
function plain(figure: string): string {
  return figure.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
}

function ago(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${whole < 60 ? `${whole} s` : formatDuration(whole)} ago`;
}

function minutes(seconds: number): number[] {
  return Array.from({ length: Math.floor(seconds / MARKS_S) }, (_, index) => index * MARKS_S);
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
