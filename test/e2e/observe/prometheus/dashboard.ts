import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder of the dashboard and of the rules. */
export const dashboards = join(import.meta.dir, "../../../../src/observe/dashboards");

// Rates look back over this time, and alerts fire within it and clear after it.
export const WINDOW = "5s";

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}

function dashboard(): Dashboard {
  return JSON.parse(readFileSync(join(dashboards, "grafana-dashboard.json"), "utf8"));
}

/** Each panel of the dashboard with an expression. */
export function panels(): readonly (readonly [title: string, expression: string])[] {
  return dashboard().panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => [title, expr] as const),
  );
}

/** The query of a variable of the dashboard. */
export function variable(wanted: string): string {
  const found = dashboard().templating.list.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`no variable ${wanted}`);
  return typeof found.query === "string" ? found.query : found.query.query;
}

/** An expression as Grafana sends it. */
export function filled(
  expression: string,
  { instance, relay }: { readonly instance: string; readonly relay: string },
): string {
  return expression
    .replaceAll("$__rate_interval", WINDOW)
    .replaceAll("$__range", "1m")
    .replaceAll("$job", "relay")
    .replaceAll("$instance", instance)
    .replaceAll("$relay", relay);
}
