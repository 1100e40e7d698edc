import { readFileSync } from "node:fs";

/**
 * The TCP port of a service name or alias in /etc/services (services(5)); `undefined` if the file
 * does not exist or has no such name.
 */
export function servicePort(name: string): number | undefined {
  return portInList(serviceList(), name);
}

/** Like `servicePort`, but reads the given text; skips entries without a valid port. */
export function portInList(list: string, name: string): number | undefined {
  for (const line of list.split("\n")) {
    const [official, entry = "", ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (official !== name && !aliases.includes(name)) continue;
    const [, digits] = /^(\d+)\/tcp$/.exec(entry) ?? [];
    const port = Number(digits ?? 0);
    if (port >= 1 && port <= 65_535) return port;
  }
  return undefined;
}

function serviceList(): string {
  try {
    return readFileSync("/etc/services", "utf8");
  } catch {
    // The file does not exist on a minimal system. Such a system has no service names.
    return "";
  }
}
