import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NAMESPACES_FOLDER } from "../../../src/os/sockets-in-namespace.ts";
import { NAMED_COMMANDS } from "../../../src/options/commands.ts";
import { SYSTEM_UNIT_FOLDERS } from "../../../src/systemd/unit-search-path.ts";
import { runRelay } from "../../support/process/executable.ts";
import { InteractiveShell } from "../../support/process/interactive-shell.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "completions-"));
  writeFileSync(join(folder, "relays.toml"), "");
  mkdirSync(join(folder, "units-here"));
  writeFileSync(join(folder, "units-file"), "");
});

afterAll(() => {
  rmSync(folder, { recursive: true });
  if (namespace !== null) rmSync(join(NAMESPACES_FOLDER, namespace));
});

/** A service that this machine has, in a folder where every shell looks. */
const service = SYSTEM_UNIT_FOLDERS.flatMap((unitFolder) => {
  try {
    return readdirSync(unitFolder).filter((name) => /^[a-z]+-[a-z]+\.service$/.test(name));
  } catch {
    // This machine lacks the folder.
    return [];
  }
})[0];

/** The name of a network namespace, as far as a shell sees; null if only root may make one. */
const namespace = process.getuid?.() === 0 ? `vpn-of-tests-${process.pid}` : null;
if (namespace !== null) {
  mkdirSync(NAMESPACES_FOLDER, { recursive: true });
  writeFileSync(join(NAMESPACES_FOLDER, namespace), "");
}

/** A line without its first word, and the words that a shell must offer for its end. */
const CASES: readonly (readonly [line: string, offers: readonly string[]])[] = [
  ["", NAMED_COMMANDS],
  ["unit", ["units"]],
  ["rel", ["relays.toml"]],
  ["--log-le", ["--log-level="]],
  ["--log-level=", ["debug", "info", "warn", "error"]],
  ["--log-level ", ["debug", "info", "warn", "error"]],
  ["--log-level=debug --log-format=j", ["json", "journal"]],
  ["--workers=a", ["auto"]],
  ["--config=rel", ["relays.toml"]],
  ["--owner=roo", ["root"]],
  ["--admin-group=roo", ["root"]],
  ["--allow-users=daemon,roo", ["daemon,root"]],
  [":1 rel", ["relays.toml"]],
  ["check rel", ["relays.toml"]],
  ["completions ", ["bash", "zsh", "fish"]],
  ["completions f", ["fish"]],
  ["help ", ["relay", ...NAMED_COMMANDS]],
  ["status --", ["--sort=", "--watch", "--check", "--wait=", "--json", "--help"]],
  ["status --sort=", ["age", "newest", "bytes", "rate", "held"]],
  ["--log-level info status --w", ["--wait=", "--watch"]],
  ["units --no", ["--no-socket"]],
  ["units --output=units-", ["units-here"]],
  ["--source-netns=/proc/self/ns/ne", ["/proc/self/ns/net"]],
  ...(namespace === null ? [] : [["--destination-netns=vpn-of-t", [namespace]] as const]),
  ...(service === undefined
    ? []
    : [[`units --service=${service.replace(".service", "")}`, [service]] as const]),
];

async function scriptOf(shell: string): Promise<string> {
  const { code, stdout, stderr } = await runRelay(["completions", shell]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** Types a line, then Tab, and waits until the shell has offered all. */
async function offers(shell: InteractiveShell, line: string, offered: readonly string[]) {
  await shell.clear();
  shell.type(`simpletcpunixrelay ${line}\t`);
  for (const offer of offered) {
    const isAfterComma = !offer.startsWith(line.split(" ").at(-1) ?? "") && offer.includes(",");
    // zsh lists an option without its `=`.
    const shown = (isAfterComma ? offer.replace(/.*,/, "") : offer).replace(/=$/, "");
    await shell.shows(new RegExp(escape(shown)));
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

await describeNeeding("bash", [program("bash")], () => {
  let shell: InteractiveShell;

  beforeAll(async () => {
    writeFileSync(join(folder, "script.bash"), await scriptOf("bash"));
    shell = new InteractiveShell(["bash", "--norc", "--noprofile", "-i"], folder);
    await shell.run(
      "bind 'set show-all-if-ambiguous on'; bind 'set bell-style none'",
      "bind 'set completion-query-items 0'; bind 'set page-completions off'",
      "source ./script.bash",
    );
  });

  afterAll(() => shell[Symbol.asyncDispose]());

  test.each(CASES)("completes %p", (line, offered) => offers(shell, line, offered));

  test("loads the script by bash-completion, too", async () => {
    const home = join(folder, "completions");
    mkdirSync(home);
    writeFileSync(join(home, "simpletcpunixrelay"), await scriptOf("bash"));
    await using other = new InteractiveShell(["bash", "--norc", "--noprofile", "-i"], folder);
    await other.run(
      `export BASH_COMPLETION_USER_DIR=${folder}`,
      "source /usr/share/bash-completion/bash_completion",
    );
    other.type("simpletcpunixrelay units --no-s\t");
    await other.shows(/--no-socket/);
  });
});

await describeNeeding("zsh", [program("zsh")], () => {
  const SETUP = [
    "unsetopt list_ambiguous beep; LISTMAX=1000; zstyle ':completion:*' menu no",
    "autoload -Uz compinit",
  ];

  let shell: InteractiveShell;

  beforeAll(async () => {
    const functions = join(folder, "functions");
    mkdirSync(functions);
    writeFileSync(join(functions, "_simpletcpunixrelay"), await scriptOf("zsh"));
    shell = new InteractiveShell(["zsh", "-f", "-i", "-o", "no_prompt_sp"], folder);
    await shell.run(...SETUP, `fpath=(${functions} $fpath)`, "compinit -u -D");
  });

  afterAll(() => shell[Symbol.asyncDispose]());

  test.each(CASES)("completes %p, from a folder of fpath", (line, offered) =>
    offers(shell, line, offered),
  );

  test("completes after the script was sourced", async () => {
    writeFileSync(join(folder, "script.zsh"), await scriptOf("zsh"));
    await using other = new InteractiveShell(["zsh", "-f", "-i", "-o", "no_prompt_sp"], folder);
    await other.run(...SETUP, "compinit -u -D", "source ./script.zsh");
    other.type("simpletcpunixrelay units --no-s\t");
    await other.shows(/--no-socket/);
  });
});

await describeNeeding("fish", [program("fish")], () => {
  test.each(CASES)("completes %p", async (line, offers) => {
    writeFileSync(join(folder, "script.fish"), await scriptOf("fish"));
    const typed = `simpletcpunixrelay ${line}`.replaceAll("'", "\\'");
    const fish = Bun.spawn(
      ["fish", "--no-config", "-c", `source ./script.fish; complete -C '${typed}'`],
      { cwd: folder, env: { PATH: process.env["PATH"], HOME: folder }, stderr: "inherit" },
    );
    const shown = await new Response(fish.stdout).text();
    const words = shown.split("\n").map((row) => row.split("\t")[0]);
    const [, value = ""] = /^(--[a-z-]+=)[^ ]*$/.exec(line.split(" ").at(-1) ?? "") ?? [];
    for (const offer of offers) {
      const wanted = `${value}${offer}`.replace(/^(--[a-z-]+)=$/, "$1");
      expect(words.map((word) => word?.replace(/\/$/, ""))).toContain(wanted);
    }
  });
});

describe("a shell that has no script", () => {
  test("is wrong usage", async () => {
    const { code, stderr } = await runRelay(["completions", "bsh"]);
    expect(stderr).toContain('SHELL "bsh" is not one of bash, zsh, fish; did you mean bash?');
    expect(stderr).toContain("Try: simpletcpunixrelay completions --help");
    expect(code).toBe(64);
  });
});
