import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const modules = join(import.meta.dir, "../../../node_modules");

/** A package as a registry has it. */
interface Published {
  readonly name: string;
  readonly version: string;
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly tarball: string;
}

/** The registry's protocol as far as npm and Bun need it to install: packuments and tarballs. */
export interface Registry extends Disposable {
  readonly url: string;
}

/** Serves packages on loopback: one version of each. */
export function startRegistry(packages: readonly Published[]): Registry {
  const byName = new Map(packages.map((published) => [published.name, published]));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request): Promise<Response> {
      const path = decodeURIComponent(new URL(request.url).pathname).slice(1);
      const published = byName.get(path.replace(/\/-\/.*$/, ""));
      if (published === undefined) return new Response("not found", { status: 404 });
      if (path.includes("/-/")) return new Response(Bun.file(published.tarball));
      return Response.json(await packument(published, new URL(request.url).origin));
    },
  });
  return { url: server.url.href, [Symbol.dispose]: () => void server.stop(true) };
}

async function packument({ name, version, manifest, tarball }: Published, origin: string) {
  const hash = new Bun.CryptoHasher("sha512").update(await readFile(tarball)).digest("base64");
  const dist = { tarball: `${origin}/${name}/-/package.tgz`, integrity: `sha512-${hash}` };
  return {
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { ...manifest, dist } },
  };
}

/** What a registry says of a package whose tarball was made from a folder. */
export async function published(folder: string, tarball: string): Promise<Published> {
  const manifest: unknown = await Bun.file(join(folder, "package.json")).json();
  if (!isManifest(manifest)) throw new Error(`${folder} holds no package`);
  return { name: manifest.name, version: manifest.version, manifest, tarball };
}

/** Packs installed packages and all that they depend on, to publish them again. */
export async function packInstalled(
  names: readonly string[],
  destination: string,
): Promise<readonly Published[]> {
  const packed = new Map<string, Published>();
  const waiting = [...names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (packed.has(name)) continue;
    const tarball = join(destination, `${name}.tgz`);
    await mkdir(join(tarball, ".."), { recursive: true });
    await Bun.$`tar -czf ${tarball} -C ${join(modules, name)} --transform s,^[.],package, .`.quiet();
    const entry = await published(join(modules, name), tarball);
    packed.set(name, entry);
    waiting.push(...Object.keys(entry.manifest["dependencies"] ?? {}));
  }
  return [...packed.values()];
}

function isManifest(
  value: unknown,
): value is { readonly name: string; readonly version: string } & Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    typeof value.name === "string" &&
    "version" in value &&
    typeof value.version === "string"
  );
}
