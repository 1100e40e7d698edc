import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import { dependencies } from "../../../package.json";
import { LIBRARY_ENTRIES } from "./build-javascript.ts";

const root = join(import.meta.dir, "../../..");

/**
 * Writes into a folder the types that the library's entry points export, and all types to which
 * these types refer. A type may come from a package whose code is in the library.
 *
 * @throws if a type does not compile, or if a type refers to another package.
 */
export async function buildDeclarations(folder: string): Promise<void> {
  const bundle = await rollup({
    input: LIBRARY_ENTRIES,
    plugins: [
      dts({ tsconfig: join(root, "tsconfig.json"), includeExternal: Object.keys(dependencies) }),
    ],
    external: (name) => name.startsWith("node:") || name === "bun",
    onwarn(warning) {
      // Ignore this warning, because users do not need the names of the types of private fields.
      if (warning.plugin === "dts" && /private shared type exports/.test(warning.message)) return;
      throw new Error(`the types cannot be built: ${warning.message}`);
    },
  });
  await bundle.write({ dir: folder, chunkFileNames: "types.d.ts" });
  await bundle.close();
  writeFileSync(join(folder, "worker-thread.d.ts"), "export {};\n");
}
