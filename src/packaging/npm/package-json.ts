import packageJson from "../../../package.json";
import { type Target, TARGETS } from "../targets.ts";

const { name, version, description, license, keywords, engines } = packageJson;

/** The content of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly [field: string]: unknown;
}

/**
 * The path of the executable in its package. In the main package, the launcher has the same path.
 */
export const EXECUTABLE = `bin/${name}`;

/** Fields of all packages. */
const COMMON = {
  version,
  license,
  ...("repository" in packageJson && { repository: packageJson.repository }),
  // Publish for everybody, because a package with a scope is private by default.
  publishConfig: { access: "public" },
};

/** The main package: the library and the launcher. */
export function mainManifest(): Manifest {
  const others = [...TARGETS.map((target) => `@${name}/${target}`), `@${name}/bun`];
  return {
    name,
    ...COMMON,
    description,
    keywords,
    type: "module",
    exports: {
      ".": entry("index"),
      "./observe": entry("observe"),
      "./worker": entry("worker-thread"),
      "./package.json": "./package.json",
    },
    bin: { [name]: EXECUTABLE },
    files: ["bin", "lib"],
    engines,
    optionalDependencies: Object.fromEntries(others.map((other) => [other, version])),
  };
}

/**
 * The value of an entry point in `exports`. A program takes the first condition that it knows, so
 * `types` must come first, and `default`, which every program knows, last.
 */
function entry(file: string) {
  return {
    types: `./lib/${file}.d.ts`,
    bun: `./lib/${file}.js`,
    default: `./lib/${file}.needs-bun.js`,
  };
}

/**
 * The package with the executable for one target. Package managers install this package only on
 * this target.
 */
export function executableManifest(target: Target): Manifest {
  const [os, cpu, libc = os === "linux" ? "glibc" : undefined] = target.split("-");
  return {
    name: `@${name}/${target}`,
    ...COMMON,
    description: `The executable of ${name} for ${target}.`,
    type: "commonjs",
    os: [os],
    cpu: [cpu],
    ...(libc !== undefined && { libc: [libc] }),
    files: ["bin"],
    // Tells Yarn to unpack the package, because an executable inside an archive cannot be run.
    preferUnplugged: true,
  };
}

/**
 * The package for systems that have no executable package. It holds the relay as JavaScript, which
 * Bun runs.
 */
export function programManifest(): Manifest {
  return {
    name: `@${name}/bun`,
    ...COMMON,
    description: `${name} for Bun, where it has no executable.`,
    type: "module",
    exports: { "./main.js": "./lib/main.js" },
    files: ["lib"],
    engines,
    preferUnplugged: true,
  };
}
