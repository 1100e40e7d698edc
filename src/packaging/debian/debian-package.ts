import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CONFIG_FOLDER, packagedUnits } from "../../systemd/units/packaged-units.ts";
import type { ChangeLogEntry } from "../change-log.ts";
import { type TreeFile, writeTree } from "../file-tree.ts";
import { completionFiles, type Documents, manualPath } from "../install-tree.ts";
import { runTool } from "../run-tool.ts";
import { debianCopyright } from "./debian-copyright.ts";
import { debianChangeLog } from "./debian-change-log.ts";

/** The targets that have a Debian package, and their names in Debian. */
export const DEBIAN_ARCHITECTURES = { "linux-x64": "amd64", "linux-arm64": "arm64" } as const;

export type DebianArchitecture = (typeof DEBIAN_ARCHITECTURES)[keyof typeof DEBIAN_ARCHITECTURES];

/** The contents of a Debian package. */
export interface DebianContents {
  readonly architecture: DebianArchitecture;
  readonly version: string;
  /** `NAME <EMAIL>` */
  readonly maintainer: string;
  readonly executable: string;
  readonly documents: Documents;
  readonly changeLog: readonly ChangeLogEntry[];
  readonly time: Date;
}

/** The files of this folder that go into the package as they are. */
type Part = "example.toml" | "lintian-overrides" | "postinst" | "postrm" | "prerm";

const PROGRAM = "/usr/bin/simpletcpunixrelay";

/**
 * Builds `simpletcpunixrelay_VERSION_ARCHITECTURE.deb` in a folder and returns its path. The same
 * contents give the same bytes (SOURCE_DATE_EPOCH in dpkg-deb(1)).
 */
export async function buildDebianPackage(
  folder: string,
  contents: DebianContents,
): Promise<string> {
  const { architecture, version, time } = contents;
  const output = join(folder, `simpletcpunixrelay_${version}_${architecture}.deb`);
  const root = mkdtempSync(join(folder, ".debian-"));
  try {
    const files = installedFiles(contents);
    writeTree(root, [...files, ...controlFiles(contents, files)], time, [CONFIG_FOLDER.slice(1)]);
    await runTool(
      // Use compression level 0 of xz: the package is 5 % larger than with level 1, but packing
      // takes half the time.
      ["dpkg-deb", "--root-owner-group", "-Zxz", "-z0", "--build", root, output],
      { env: { SOURCE_DATE_EPOCH: String(time.getTime() / 1_000) } },
    );
  } finally {
    rmSync(root, { recursive: true });
  }
  return output;
}

function installedFiles(contents: DebianContents): TreeFile[] {
  const { documents, changeLog, maintainer } = contents;
  const doc = "usr/share/doc/simpletcpunixrelay";
  return [
    { path: PROGRAM.slice(1), mode: 0o755, copyOf: contents.executable },
    ...packagedUnits(PROGRAM).map(({ name, text }) =>
      plain(`usr/lib/systemd/system/${name}`, text),
    ),
    ...documents.manuals.map(({ file, text }) => packed(`usr/${manualPath(file)}`, text)),
    ...completionFiles(documents, "share/zsh/vendor-completions").map((file) => ({
      ...file,
      path: `usr/${file.path}`,
    })),
    plain(`${doc}/copyright`, debianCopyright(documents)),
    plain(`${doc}/README.md`, documents.readme),
    packed(`${doc}/changelog`, debianChangeLog(changeLog, maintainer)),
    plain(`${doc}/examples/web.toml`, part("example.toml")),
    plain("usr/share/lintian/overrides/simpletcpunixrelay", part("lintian-overrides")),
  ];
}

function controlFiles(contents: DebianContents, files: readonly TreeFile[]): TreeFile[] {
  const { architecture, version, maintainer } = contents;
  const control = [
    "Package: simpletcpunixrelay",
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${maintainer}`,
    `Installed-Size: ${installedSize(files)}`,
    // Bun needs at least this version of glibc.
    "Depends: libc6 (>= 2.17)",
    "Section: net",
    "Priority: optional",
    "Description: relay between TCP and Unix sockets",
    " Makes a TCP service appear as a Unix socket, or a Unix socket as a TCP port.",
    " Every byte, end and failure of one side reaches the other side as it is.",
    " .",
    " The units simpletcpunixrelay@NAME run the relays of",
    ` ${CONFIG_FOLDER}/NAME.toml. An upgrade loses no connection.`,
    "",
  ].join("\n");
  const script = (name: Part): TreeFile => ({
    path: `DEBIAN/${name}`,
    mode: 0o755,
    text: part(name),
  });
  return [
    plain("DEBIAN/control", control),
    plain("DEBIAN/md5sums", files.map((file) => `${md5(file)}  ${file.path}\n`).join("")),
    script("postinst"),
    script("prerm"),
    script("postrm"),
  ];
}

/**
 * The size in KiB, by the rule of deb-control(5): the size of each file is rounded up to whole KiB.
 */
function installedSize(files: readonly TreeFile[]): number {
  return files
    .map((file) => ("copyOf" in file ? Bun.file(file.copyOf).size : Buffer.byteLength(file.text)))
    .reduce((sum, bytes) => sum + Math.ceil(bytes / 1_024), 0);
}

/** The MD5 hash of a file, which `dpkg --verify` checks (deb-md5sums(5)). */
function md5(file: TreeFile): string {
  const content = "copyOf" in file ? readFileSync(file.copyOf) : file.text;
  return new Bun.CryptoHasher("md5").update(content).digest("hex");
}

function part(name: Part): string {
  return readFileSync(join(import.meta.dir, name), "utf8");
}

function plain(path: string, text: string): TreeFile {
  return { path, mode: 0o644, text };
}

/** Debian policy 12.1 and 12.7: manual pages and change logs are packed with gzip's level 9. */
function packed(path: string, text: string): TreeFile {
  return { path: `${path}.gz`, mode: 0o644, text: Bun.gzipSync(text, { level: 9 }) };
}
