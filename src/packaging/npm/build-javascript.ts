import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildConfig, BunPlugin } from "bun";
import { dependencies, engines } from "../../../package.json";

const src = join(import.meta.dir, "../..");

/** The library's entry points by their names in the package. */
export const LIBRARY_ENTRIES = {
  index: join(src, "index.ts"),
  observe: join(src, "observe.ts"),
} as const;

const PROGRAM = join(src, "main.ts");
const WORKER_THREAD = join(src, "workers/worker-thread.ts");

/** The versions of the packages that must be installed with the built code, by package name. */
export type Dependencies = Readonly<Record<string, string>>;

/**
 * Replaces the module `workers/worker-module-url.ts` by a module that imports the worker thread's
 * module with `type: "file"`. The value of this import is the path of the worker thread's module in
 * the installed package. If a user bundles the library with `bun build`, Bun copies the worker
 * thread's module beside the bundle (into the executable with `--compile`), and the value is the
 * path of the copy.
 */
const workerBesideLibrary: BunPlugin = {
  name: "worker-beside-library",
  setup(build) {
    const path = "./worker-thread.js";
    build.onResolve({ filter: /^\.\/worker-thread\.js$/ }, () => ({ path, external: true }));
    build.onLoad({ filter: /\/workers\/worker-module-url\.ts$/ }, () => ({
      loader: "js",
      contents: [
        `import file from "${path}" with { type: "file" };`,
        `export const WORKER_MODULE = new URL(file, import.meta.url);`,
      ].join("\n"),
    }));
  },
};

/**
 * The options of all builds. The output is JavaScript for Bun, and imports the packages that are
 * installed beside it.
 */
const COMMON = {
  naming: { entry: "[name].[ext]", chunk: "[hash].[ext]" },
  target: "bun",
  format: "esm",
  minify: true,
  packages: "external",
  plugins: [workerBesideLibrary],
} satisfies Partial<BuildConfig>;

/**
 * Writes the library and the module of its worker threads into a folder. For other runtimes than
 * Bun a `needs-bun` module stands beside each entry point.
 *
 * Modules that both `index` and `observe` use are files of their own. The worker threads' module
 * uses none of these files, because a user's bundler copies it alone and unchanged.
 *
 * @throws {AggregateError} if something does not build.
 */
export async function buildLibrary(folder: string): Promise<Dependencies> {
  const common = { ...COMMON, outdir: folder };
  await Bun.build({ ...common, entrypoints: Object.values(LIBRARY_ENTRIES), splitting: true });
  await Bun.build({ ...common, entrypoints: [WORKER_THREAD] });
  const needed = dependenciesOf(folder);
  for (const [name, module] of Object.entries(LIBRARY_ENTRIES)) {
    const exported: object = await import(module);
    writeFileSync(join(folder, `${name}.needs-bun.js`), needsBun(Object.keys(exported)));
  }
  writeFileSync(join(folder, "worker-thread.needs-bun.js"), needsBun([]));
  return needed;
}

/**
 * Writes the program into a folder, as JavaScript for Bun: `main.js`, and modules that it loads.
 *
 * @throws {AggregateError} if it does not build.
 */
export async function buildProgram(folder: string): Promise<Dependencies> {
  const entrypoints = [PROGRAM, WORKER_THREAD];
  await Bun.build({ ...COMMON, entrypoints, outdir: folder, splitting: true });
  return dependenciesOf(folder);
}

/** The packages that the modules of a folder import, with their versions. */
function dependenciesOf(folder: string): Dependencies {
  const imports = readdirSync(folder).flatMap((name) =>
    new Bun.Transpiler({ loader: "js" }).scanImports(readFileSync(join(folder, name))),
  );
  const isImported = (name: string) =>
    imports.some(({ path }) => path === name || path.startsWith(`${name}/`));
  return Object.fromEntries(Object.entries(dependencies).filter(([name]) => isImported(name)));
}

/**
 * A module for runtimes other than Bun: importing it fails with one line that says what is needed.
 * The module exports `names`, the names that the real module exports, because Node.js looks for
 * missing names before it runs a module.
 */
function needsBun(names: readonly string[]): string {
  const message =
    `simpletcpunixrelay needs Bun ${engines.bun.replace(">=", "")} or later as a library ` +
    "(https://bun.com); its command, npx simpletcpunixrelay, does not";
  return [
    names.length === 0 ? "export {};" : `export let ${names.toSorted().join(", ")};`,
    `throw new Error(${JSON.stringify(message)});`,
    "",
  ].join("\n");
}
