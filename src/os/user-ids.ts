import { readFileSync } from "node:fs";

/**
 * The user id behind a name, or `undefined` where the system knows no such user.
 *
 * Asks `getent`, which asks every source of names that the system has: a user that systemd makes up
 * for one unit (`DynamicUser=`) or a directory service knows is in no file. Without `getent` the
 * file has to do.
 */
export function userId(name: string): number | undefined {
  return lookUp("passwd", name);
}

/** The group id behind a name; as `userId`. */
export function groupId(name: string): number | undefined {
  return lookUp("group", name);
}

function lookUp(database: "passwd" | "group", name: string): number | undefined {
  // What no name can hold: a record's own separators, and what getent would take for an option.
  if (name === "" || name.startsWith("-") || /[:\n\0]/.test(name)) return undefined;
  for (const line of records(database, name)) {
    // Both databases start NAME:PASSWORD:ID (passwd(5), group(5)).
    const [found, , id] = line.split(":");
    if (found === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  return undefined;
}

function records(database: "passwd" | "group", name: string): string[] {
  try {
    const { stdout } = Bun.spawnSync(["getent", database, name], { stderr: "ignore" });
    return stdout.toString().split("\n");
  } catch {
    // No getent: a minimal container, or another system than Linux.
    return readRecords(`/etc/${database}`);
  }
}

function readRecords(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    // Such a system has numbers and no names.
    return [];
  }
}
