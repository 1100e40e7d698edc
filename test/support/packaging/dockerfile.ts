import { readFileSync } from "node:fs";

/** An instruction of a Dockerfile. */
export interface Instruction {
  readonly name: string;
  /** The text behind the name, in one line. */
  readonly text: string;
}

/** A stage of a Dockerfile: what follows a FROM. */
export interface Stage {
  /** The image that it begins with. */
  readonly base: string;
  /** The name that later stages call it by. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/**
 * Reads a Dockerfile: its stages, comments left out
 * (https://docs.docker.com/reference/dockerfile/).
 */
export function readDockerfile(path: string): readonly Stage[] {
  const text = readFileSync(path, "utf8");
  const lines = text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const instructions = lines.map((line): Instruction => {
    const [, name = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    return { name, text: rest.replace(/\s+/g, " ").trim() };
  });
  const starts = instructions.flatMap(({ name }, index) => (name === "FROM" ? [index] : []));
  return starts.map((start, index) => {
    const [base = "", , name = ""] = instructions[start]?.text.split(" ") ?? [];
    return { base, name, instructions: instructions.slice(start + 1, starts[index + 1]) };
  });
}

/** The text of a stage's only instruction of a name. */
export function only(stage: Stage, name: string): string {
  const [found, ...others] = stage.instructions.filter((one) => one.name === name);
  if (found === undefined || others.length > 0) throw new Error(`not one ${name}`);
  return found.text;
}

/** A command in its JSON form. */
export function words(text: string): readonly string[] {
  const list: unknown = JSON.parse(text.slice(text.indexOf("[")));
  if (!Array.isArray(list)) throw new Error(`not a list: ${text}`);
  return list.map(String);
}
