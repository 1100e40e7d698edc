import type { RuntimePackage } from "./packages-in-executable.ts";

/** The product that the bill of materials describes. */
export interface Product {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  /** The time of the commit of the sources. */
  readonly time: Date;
  /** All packages inside the product. */
  readonly packages: readonly RuntimePackage[];
  /** The names of the packages that the product itself imports. */
  readonly dependencies: readonly string[];
}

/**
 * The entries of `process.versions` that are not libraries inside the Bun runtime: Bun itself, the
 * interfaces that Bun imitates, and the compiler that built Bun.
 */
const NO_PARTS = new Set([
  "bun",
  "modules",
  "napi",
  "node",
  "openssl",
  "typescript",
  "unicode",
  "uv",
  "v8",
  "zig",
]);

/**
 * The bill of materials of the executables: the packages, the Bun runtime, and the libraries that
 * are linked into the runtime. All targets have the same bill of materials. The format is CycloneDX
 * 1.6 (https://cyclonedx.org/docs/1.6/json/).
 */
export function billOfMaterials(product: Product): string {
  const own = purl(product.name, product.version);
  const bun = `pkg:github/oven-sh/bun@bun-v${Bun.version}`;
  const refOf = new Map(product.packages.map(({ name, version }) => [name, purl(name, version)]));
  const refsOf = (names: readonly string[]) => names.flatMap((name) => refOf.get(name) ?? []);
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${Bun.randomUUIDv5(`${own} ${product.time.toISOString()}`, "url")}`,
    version: 1,
    metadata: {
      timestamp: product.time.toISOString(),
      lifecycles: [{ phase: "build" }],
      component: {
        type: "application",
        "bom-ref": own,
        ...{ name: product.name, version: product.version, description: product.description },
        licenses: [{ license: { id: product.license } }],
        purl: own,
      },
    },
    components: [
      ...product.packages.map(packageComponent),
      {
        type: "platform",
        "bom-ref": bun,
        ...{ group: "oven-sh", name: "bun", version: Bun.version },
        description: "The runtime, with its JavaScript engine",
        licenses: [{ license: { id: "MIT" } }],
        purl: bun,
        properties: [{ name: "bun:revision", value: Bun.revision }],
        components: runtimeParts(bun),
      },
    ],
    dependencies: [
      { ref: own, dependsOn: [...refsOf(product.dependencies), bun] },
      ...product.packages.map(({ name, version, dependencies }) => ({
        ref: purl(name, version),
        dependsOn: refsOf(dependencies),
      })),
      { ref: bun },
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function packageComponent({ name, version, license, sha512 }: RuntimePackage) {
  const [scope, bare] = name.startsWith("@") ? name.split("/") : [undefined, name];
  const ref = purl(name, version);
  return {
    type: "library",
    "bom-ref": ref,
    ...(scope !== undefined && { group: scope }),
    ...{ name: bare ?? name, version },
    scope: "required",
    hashes: [{ alg: "SHA-512", content: sha512 }],
    licenses: [{ license: { id: license } }],
    purl: ref,
  };
}

/** The libraries inside the runtime. Bun gives a version or a commit of each. */
function runtimeParts(bun: string) {
  return Object.entries(process.versions)
    .filter(([name]) => !NO_PARTS.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, version]) => ({
      type: "library",
      "bom-ref": `${bun}#${name}`,
      ...{ name, version: version ?? "unknown" },
    }));
}

/**
 * Returns the package URL of an npm package (https://github.com/package-url/purl-spec): the `@` of
 * a scope is written `%40`.
 */
function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}
