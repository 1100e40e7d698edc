import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json";
import { executablePath, runRelay, startRelay } from "../support/process/executable.ts";
import { runProgram } from "../support/process/program.ts";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import { blockWith, codeBlocks, readme } from "../support/readme.ts";

setDefaultTimeout(60_000);

const tree = join(import.meta.dir, "../..");
const commands = [...codeBlocks("sh").flatMap((block) => block.split("\n")), ...codeSpans()].filter(
  (line) => /^(npx|(dist\/)?simpletcpunixrelay) /.test(line) && !/ SOURCE\b/.test(line),
);
const relayLines = commands
  .filter((line) => !line.startsWith("npx"))
  .map((line) => line.split(/\s+/).slice(1));

// The README's ports and paths are the system's, so its relays run in a network and a /run of their
// own.
const ISOLATED = [
  ...["unshare", "--net", "--mount", "sh", "-c"],
  'ip link set lo up && mount -t tmpfs none /run && exec "$0" "$@"',
];

test("the README has the lines that these tests are about", () => {
  expect(relayLines.length).toBeGreaterThanOrEqual(4);
  expect(codeBlocks("ts")).toHaveLength(1);
});

describe("scripts", () => {
  const lines = commands.filter((line) => line.startsWith("npx"));

  test.each(lines)("%s", (line) => {
    const [, version, script] = /^npx --yes bun@([\d.]+) run(?: (\S+))?$/.exec(line) ?? [];
    expect(version).toBe(packageJson.devDependencies["@types/bun"]);
    if (script !== undefined) expect(Object.keys(packageJson.scripts)).toContain(script);
  });

  test("CI runs the same Bun", async () => {
    const script = await Bun.file(join(tree, ".ci/run")).text();
    expect(script).toContain(`bun@${packageJson.devDependencies["@types/bun"]})`);
  });

  test("the first command succeeds", async () => {
    expect(lines[0]).toEndWith(" run demo");
    const outcome = await runBun(["run", "demo"], tree);
    expect(outcome).toMatchObject({ code: 0 });
  });
});

// The lines with `units` are those of the recipes, which systemd/recipe.test.ts runs in a machine.

await describeNeeding("relays", [root, program("unshare"), program("ip")], () => {
  const elsewhere = ["units", "status", "check", "--config=relays.toml"];
  const lines = relayLines.filter(([command = ""]) => !elsewhere.includes(command));

  test.each(lines.map((line) => line.join(" ")))("%s", async (line) => {
    const args = line.split(" ");
    if (line === "--help") {
      expect(await runRelay(args)).toMatchObject({ code: 0, stderr: "" });
      return;
    }
    const source = args.at(-2);
    if (source === "systemd") {
      // Here nobody passes a socket, which is told of only after the arguments were found good.
      expect(await runRelay(args)).toMatchObject({ code: 1 });
      return;
    }
    await using relay = await startRelay(args, { prefix: ISOLATED });
    expect(relay.address).toBe(String(source));
    expect(await relay.stop()).toBe(0);
  });
});

await describeNeeding("the file of relays", [root, program("unshare"), program("ip")], () => {
  test("is right, and its relay runs", async () => {
    await using parts = new AsyncDisposableStack();
    const cwd = await mkdtemp(join(tmpdir(), "readme-"));
    parts.defer(() => rm(cwd, { recursive: true }));
    await Bun.write(join(cwd, "relays.toml"), codeBlocks("toml").join("\n"));
    expect(commands).toContain("simpletcpunixrelay check relays.toml");
    expect(await runRelay(["check", "relays.toml"], { cwd })).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(commands).toContain("simpletcpunixrelay --config=relays.toml");
    await using relay = await startRelay(["--config=relays.toml"], { cwd, prefix: ISOLATED });
    expect(relay.address).toBe("/run/web/socket");
    expect(await relay.stop()).toBe(0);
  });
});

test("the line that installs the executable", async () => {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "readme-"));
  parts.defer(() => rm(folder, { recursive: true }));
  const line = codeBlocks("sh").find((block) => block.startsWith("install ")) ?? "";
  const [, file = ""] = /^install (\S+) \/usr\/local\/bin\/simpletcpunixrelay$/.exec(line) ?? [];
  await executablePath();
  await using install = Bun.spawn(["install", file, join(folder, "relay")], { cwd: tree });
  expect(await install.exited).toBe(0);
});

describe("status", () => {
  const lines = relayLines.filter(([command]) => command === "status");

  test.each(lines.map((line) => line.join(" ")))("%s", async (line) => {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "readme-"));
    parts.defer(() => rm(folder, { recursive: true }));
    const here = (path: string) => path.replace("/run/app", folder);
    const admin = `--admin=${join(folder, "admin")}`;
    parts.use(await startRelay([admin, join(folder, "socket"), "127.0.0.1:1"]));
    const outcome = await runRelay(line.split(" ").map(here));
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(outcome.stdout).toContain("127.0.0.1:1");
  });
});

await describeNeeding("the admin address", [program("curl")], () => {
  test("answers the line with curl", async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "readme-"));
    parts.defer(() => rm(folder, { recursive: true }));
    const admin = join(folder, "admin");
    parts.use(await startRelay([`--admin=${admin}`, join(folder, "socket"), "127.0.0.1:1"]));
    const line = blockWith("curl --unix-socket /run/app/admin ").replace("/run/app/admin", admin);
    const { code, stdout } = await runProgram(["sh", "-c", line], {
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ destination: "127.0.0.1:1" });
  });
});

describe("the library", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "readme-"));
    await mkdir(join(folder, "node_modules"));
    await symlink(tree, join(folder, "node_modules/simpletcpunixrelay"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("its example runs as it stands", async () => {
    await Bun.write(join(folder, "example.ts"), codeBlocks("ts").join("\n"));
    const outcome = await runBun(["example.ts"], folder);
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(outcome.stdout).toContain("app.sock");
    expect(existsSync(join(folder, "app.sock"))).toBe(false);
  });
});

test("every option that is named exists", async () => {
  const helps = [["--help"], ["units", "--help"], ["status", "--help"]].map((args) =>
    runRelay(args),
  );
  const known = (await Promise.all(helps)).map(({ stdout }) => stdout).join("\n");
  const named = new Set(codeSpans().flatMap((span) => /^--[a-z-]+/.exec(span)?.[0] ?? []));
  expect(named.size).toBeGreaterThan(0);
  for (const option of named) expect(known).toMatch(new RegExp(`${option}\\b(?!-)`));
});

test("every file that is linked exists", () => {
  const targets = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map((match) => match[1] ?? "");
  expect(targets.filter((target) => !existsSync(join(tree, target)))).toEqual([]);
});

function codeSpans(): string[] {
  const prose = readme.replaceAll(/^```.*?^```$/gms, "");
  return [...prose.matchAll(/`([^`]+)`/g)].map((match) => (match[1] ?? "").trim());
}

async function runBun(args: readonly string[], cwd: string) {
  await using child = Bun.spawn([process.execPath, ...args], {
    cwd,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}
