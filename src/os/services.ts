import { readFileSync } from "node:fs";

/**
 * The TCP port of a service by its name or alias in /etc/services, the system's own list
 * (services(5)); `undefined` where the system has no such list or no such name.
 */
export function servicePort(name: string): number | undefined {
  for (const line of serviceLines()) {
    const [official, port, ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (!port?.endsWith("/tcp")) continue;
    if (official === name || aliases.includes(name)) return Number.parseInt(port, 10);
  }
  return undefined;
}

function serviceLines(): string[] {
  try {
    return readFileSync("/etc/services", "utf8").split("\n");
  } catch {
    // A minimal system has no /etc/services: then it knows no service names.
    return [];
  }
}
