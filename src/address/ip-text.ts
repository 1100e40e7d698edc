const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** Whether a text is an IPv4 address in four decimal numbers, as `isIPv4` of node:net has it. */
export function isIPv4(text: string): boolean {
  // By hand, because nearly every start asks, and node:net takes 2 ms of its 10.
  return IPV4.test(text);
}

/** Whether a text is an IPv6 address, with or without a zone. */
export function isIPv6(text: string): boolean {
  return process.getBuiltinModule("node:net").isIPv6(text);
}
