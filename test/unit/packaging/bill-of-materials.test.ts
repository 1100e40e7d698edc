import { expect, test } from "bun:test";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { join } from "node:path";
import packageJson from "../../../package.json";
import { billOfMaterials } from "../../../src/packaging/bill-of-materials.ts";
import {
  directDependencies,
  runtimePackages,
} from "../../../src/packaging/packages-in-executable.ts";

const root = join(import.meta.dir, "../../..");
const packages = runtimePackages(root);
const document = billOfMaterials({
  ...{ name: "simpletcpunixrelay", version: "1.2.3", description: "A relay", license: "ISC" },
  ...{ time: new Date(0), packages, dependencies: directDependencies(root) },
});

test("the bill of materials keeps CycloneDX's schema, read strictly", async () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  expect(await validator.validate(document)).toBeNull();
});

test("it names all packages that run, with version, hash and license, and Bun", () => {
  for (const name of Object.keys(packageJson.dependencies))
    expect(packages.map((one) => one.name)).toContain(name);
  for (const { name, version } of packages)
    expect(document).toContain(`"purl": "pkg:npm/${name.replace("@", "%40")}@${version}"`);
  expect(document).toContain(`"purl": "pkg:github/oven-sh/bun@bun-v${Bun.version}"`);
});

test("every module that is bundled is in a package that it names", async () => {
  const { outputs } = await Bun.build({
    entrypoints: [join(root, "src/main.ts"), join(root, "src/workers/worker-thread.ts")],
    target: "bun",
    splitting: true,
    sourcemap: "external",
  });
  const maps = await Promise.all(
    outputs.filter(({ kind }) => kind === "sourcemap").map((output) => output.text()),
  );
  const sources = maps.flatMap((map) => sourcesOf(JSON.parse(map)));
  const bundled = new Set(
    sources.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  expect(bundled.size).toBeGreaterThan(2);
  const known = packages.map(({ name }) => name);
  for (const name of bundled) expect(known).toContain(name);
});

function sourcesOf(map: unknown): string[] {
  if (typeof map !== "object" || map === null || !("sources" in map)) throw new Error("no map");
  return Array.isArray(map.sources) ? map.sources.map(String) : [];
}
