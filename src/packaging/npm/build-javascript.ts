import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildConfig, BuildOutput, BunPlugin } from "bun";
import { engines } from "../../../package.json";
import { runtimePackages } from "../packages-in-executable.ts";
import { licensesOf } from "../third-party-notice.ts";

const root = join(import.meta.dir, "../../..");
const src = join(root, "src");

/** The library's entry points by their names in the package. */
export const LIBRARY_ENTRIES = {
  index: join(src, "index.ts"),
  observe: join(src, "observe.ts"),
} as const;

const PROGRAM = join(src, "main.ts");
const WORKER_THREAD = join(src, "workers/worker-thread.ts");

/**
 * Replaces the module `workers/worker-module-url.ts` by a module that imports the worker thread's
 * module with `type: "file"`. The value of this import is the path of the worker thread's module in
 * the installed package. If a user bundles the library with `bun build`, Bun copies the worker
 * thread's module beside the bundle or, with `--compile`, into the executable. In the bundle, the
 * value of the import is the path of the copy.
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
 * The options of all builds. The output is JavaScript for Bun, and contains the code of all
 * packages that this JavaScript imports. So npm need not install these packages, and does not warn
 * if one of them needs another version of Node.js.
 */
const COMMON = {
  naming: { entry: "[name].[ext]", chunk: "[hash].[ext]" },
  target: "bun",
  format: "esm",
  minify: true,
  packages: "bundle",
  metafile: true,
  plugins: [workerBesideLibrary],
} satisfies Partial<BuildConfig>;

/**
 * Writes the library and the module of its worker threads into a folder. For runtimes other than
 * Bun, a `needs-bun` module stands beside each entry point (`needsBun`).
 *
 * Modules that both `index` and `observe` import become files of their own. The worker threads'
 * module is built separately and imports no other file, because a user's bundler copies only the
 * worker threads' module, unchanged.
 *
 * @throws {AggregateError} if something does not build.
 */
export async function buildLibrary(folder: string): Promise<void> {
  const common = { ...COMMON, outdir: folder };
  const outputs = [
    await Bun.build({ ...common, entrypoints: Object.values(LIBRARY_ENTRIES), splitting: true }),
    await Bun.build({ ...common, entrypoints: [WORKER_THREAD] }),
  ];
  writeLicenses(folder, outputs);
  for (const [name, module] of Object.entries(LIBRARY_ENTRIES)) {
    const exported: object = await import(module);
    writeFileSync(join(folder, `${name}.needs-bun.js`), needsBun(Object.keys(exported)));
  }
  writeFileSync(join(folder, "worker-thread.needs-bun.js"), needsBun([]));
}

/**
 * Writes the program into a folder, as JavaScript for Bun: `main.js`, and the modules that
 * `main.js` loads.
 *
 * @throws {AggregateError} if the program does not build.
 */
export async function buildProgram(folder: string): Promise<void> {
  const entrypoints = [PROGRAM, WORKER_THREAD];
  const output = await Bun.build({ ...COMMON, entrypoints, outdir: folder, splitting: true });
  writeLicenses(folder, [output]);
}

/** Writes the licenses of the packages whose code is in the outputs. */
function writeLicenses(folder: string, outputs: readonly BuildOutput[]): void {
  const files = outputs.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}));
  const packages = runtimePackages(root).filter(({ name }) =>
    files.some((file) => file.includes(`node_modules/${name}/`)),
  );
  const notice = `The modules in this folder contain these packages.\n\n${licensesOf(packages)}`;
  writeFileSync(join(folder, "LICENSES-third-party.txt"), notice);
}

/**
 * A module for runtimes other than Bun. Its import fails with one line that names the Bun version
 * that the library needs. The module exports `names`, the names that the real module exports,
 * because Node.js looks for missing names before it runs a module.
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
