/**
 * Runs a program of the system until the program ends, and returns its standard output.
 *
 * @throws an error with the program's standard error if the program fails.
 */
export async function runTool(
  command: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<Uint8Array> {
  const child = Bun.spawn([...command], {
    env: { ...process.env, LC_ALL: "C.UTF-8", TZ: "UTC", ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, output, complaint] = await Promise.all([
    child.exited,
    new Response(child.stdout).bytes(),
    new Response(child.stderr).text(),
  ]);
  if (code !== 0) throw new Error(`${command.slice(0, 2).join(" ")}: ${complaint.trim()}`);
  return output;
}
