import { readFileSync } from "node:fs";

/**
 * The TCP port of a service by its name or alias in /etc/services, the system's own list
 * (services(5)); `undefined` where the system has no such list or no such name.
 */
export function servicePort(name: string): number | undefined {
  return portInList(serviceList(), name);
}

/** As `servicePort`, in a list of that form; an entry whose port is none is passed over. */
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
    // A minimal system has no /etc/services: then it knows no service names.
    return "";
  }
}
