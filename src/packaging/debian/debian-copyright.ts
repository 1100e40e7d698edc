import type { Documents } from "../install-tree.ts";
import type { RuntimePackage } from "../packages-in-executable.ts";
import { thirdPartyNotice } from "../third-party-notice.ts";

const COMMON_LICENSES = "/usr/share/common-licenses";

/**
 * The copyright file. Debian itself contains the texts of common licenses, so for such a license
 * the copyright file gives the path of Debian's text (policy 12.5).
 */
export function debianCopyright({ license, packages }: Documents): string {
  return `${license}\n${thirdPartyNotice(packages, licenseOf, `${COMMON_LICENSES}/LGPL-2`)}`;
}

function licenseOf({ license, licenseText }: RuntimePackage): string {
  if (license !== "Apache-2.0") return licenseText;
  const owner = /^ *(Copyright (?!\[).*)$/m.exec(licenseText)?.[1];
  return [
    ...(owner === undefined ? [] : [owner]),
    `Licensed under the Apache License 2.0: ${COMMON_LICENSES}/Apache-2.0`,
  ].join("\n");
}
