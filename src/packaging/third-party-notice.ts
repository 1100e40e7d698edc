import type { RuntimePackage } from "./packages-in-executable.ts";

/**
 * The licenses of all packages inside the executable, and of Bun. Each package's license requires
 * that a copy of the package comes with the license.
 *
 * @param textOf - returns the license text of a package, or the name of the system's file with this
 *   text
 * @param lgpl - the URL or the file of the LGPL
 */
export function thirdPartyNotice(
  packages: readonly RuntimePackage[],
  textOf: (runtimePackage: RuntimePackage) => string = ({ licenseText }) => licenseText,
  lgpl = "https://www.gnu.org/licenses/old-licenses/lgpl-2.0.html",
): string {
  return `${aboutBun(lgpl)}\n${licensesOf(packages, textOf)}`;
}

/**
 * The name, version and license of each package.
 *
 * @param textOf - returns the license text of a package
 */
export function licensesOf(
  packages: readonly RuntimePackage[],
  textOf: (runtimePackage: RuntimePackage) => string = ({ licenseText }) => licenseText,
): string {
  const sections = packages.map((one) =>
    [RULE, `${one.name} ${one.version} (${one.license})`, RULE, "", textOf(one), ""].join("\n"),
  );
  return sections.join("\n");
}

const RULE = "=".repeat(78);

function aboutBun(lgpl: string): string {
  return `\
The executable contains the Bun runtime ${Bun.version}, commit ${Bun.revision},
under the MIT license. Bun contains JavaScriptCore and WebCore under the LGPL,
version 2 (${lgpl});
https://github.com/oven-sh/webkit has their sources. Bun contains further
libraries: https://bun.com/docs/project/licensing lists them with their
licenses, and says how to link Bun with another JavaScriptCore.

The executable contains these packages as well.
`;
}
