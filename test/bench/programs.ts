const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The path of a program of the system, where the system keeps them. */
export function findProgram(name: string): string | undefined {
  return Bun.which(name, { PATH: FOLDERS.join(":") }) ?? undefined;
}

/** What a program writes, on either output. */
export async function outputOf(...argv: string[]): Promise<string> {
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const outputs = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  return (await Promise.all(outputs)).join("").trim();
}

/** The first number in a text that looks like a version. */
export function versionIn(text: string): string {
  return /\d+(\.\d+)+\S*|(?<=^systemd )\d+/.exec(text)?.[0] ?? "of no known version";
}
