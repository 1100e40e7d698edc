import { readFileSync } from "node:fs";

/**
 * The user id of a user name, or `undefined` if the system knows no such user.
 *
 * Runs `getent`, which queries every name service of the system: /etc/passwd lacks the users that
 * systemd creates for one unit (`DynamicUser=`) and the users of a directory service. Without
 * `getent` only /etc/passwd is read.
 */
export function userId(name: string): number | undefined {
  return lookUp("passwd", name);
}

/**
 * The group id of a group name, or `undefined` if the system knows no such group. Looks the name up
 * as `userId` does; without `getent` only /etc/group is read.
 */
export function groupId(name: string): number | undefined {
  return lookUp("group", name);
}

function lookUp(database: "passwd" | "group", name: string): number | undefined {
  // Refuse a name that no user or group can have: a name with a character that separates fields or
  // records (passwd(5)), or with a leading "-", which getent would read as an option.
  if (name === "" || name.startsWith("-") || /[:\n\0]/.test(name)) return undefined;
  for (const line of records(database, name)) {
    // Each record of both databases starts with NAME:PASSWORD:ID (passwd(5), group(5)).
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
    // The system has no getent: it is a minimal container, or not Linux.
    return readRecords(`/etc/${database}`);
  }
}

function readRecords(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    // A system without this file knows only numeric ids.
    return [];
  }
}
