import type { Shell } from "../cli/completions/completion-model.ts";
import type { ManualPage } from "./manuals/manual-pages.ts";
import type { TreeFile } from "./file-tree.ts";
import type { RuntimePackage } from "./packages-in-executable.ts";
import { thirdPartyNotice } from "./third-party-notice.ts";

/** The documents that go into the archives and the Debian packages. */
export interface Documents {
  readonly license: string;
  /** The packages inside the executable, with their licenses. */
  readonly packages: readonly RuntimePackage[];
  readonly readme: string;
  readonly changeLog: string;
  readonly manuals: readonly ManualPage[];
  /** Completion scripts. */
  readonly completions: readonly { readonly shell: Shell; readonly text: string }[];
}

/**
 * The files of an archive. Their paths are relative to /usr/local, so that unpacking the archive in
 * /usr/local installs the program, its manual pages and its completions.
 */
export function archiveTree(executable: string, documents: Documents): readonly TreeFile[] {
  const { license, packages, readme, changeLog, manuals } = documents;
  const doc = (name: string, text: string): TreeFile => ({
    path: `share/doc/simpletcpunixrelay/${name}`,
    mode: 0o644,
    text,
  });
  return [
    { path: "bin/simpletcpunixrelay", mode: 0o755, copyOf: executable },
    doc("LICENSE", license),
    doc("LICENSES-third-party.txt", thirdPartyNotice(packages)),
    doc("README.md", readme),
    doc("CHANGELOG.md", changeLog),
    ...manuals.map(({ file, text }): TreeFile => ({ path: manualPath(file), mode: 0o644, text })),
    ...completionFiles(documents, "share/zsh/site-functions"),
  ];
}

/**
 * The path of a manual page below /usr or /usr/local. The last part of the page's name is its
 * section.
 */
export function manualPath(file: string): string {
  return `share/man/man${file.slice(file.lastIndexOf(".") + 1)}/${file}`;
}

/** Completion scripts, where the shells look for them below /usr or /usr/local. */
export function completionFiles({ completions }: Documents, zshFolder: string): TreeFile[] {
  const pathOf = (shell: Shell): string => {
    switch (shell) {
      case "bash":
        return "share/bash-completion/completions/simpletcpunixrelay";
      case "zsh":
        return `${zshFolder}/_simpletcpunixrelay`;
      case "fish":
        return "share/fish/vendor_completions.d/simpletcpunixrelay.fish";
    }
  };
  return completions.map(({ shell, text }) => ({ path: pathOf(shell), mode: 0o644, text }));
}
