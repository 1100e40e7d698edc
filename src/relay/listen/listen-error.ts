import { printAddress } from "../../address/address.ts";
import { missingZone } from "../../address/socket-address.ts";
import { isDescriptorShortage } from "../../os/descriptor-shortage.ts";
import { errorCode } from "../../os/errno.ts";
import { RelayError, relayError } from "../error.ts";
import type { Source } from "../kinds-of-source.ts";

/** Where an address to listen on comes from, and where it is. */
interface ListenPlace {
  /**
   * The name of the command-line option that gave the address; undefined for a relay's source.
   */
  readonly option?: string | undefined;
  /** The network namespace of the address; undefined for the namespace of this process. */
  readonly sourceNetns?: string | undefined;
}

/**
 * Makes a `RelayError` from an error that occurred while listening on a source. The message of the
 * `RelayError` explains the error and says how to fix the problem, if that is known. If the error
 * is already a `RelayError`, its explanation stays.
 */
export function listenError(
  source: Source,
  error: unknown,
  { option, sourceNetns }: ListenPlace,
): RelayError {
  if (error instanceof RelayError && option !== undefined)
    return new RelayError(error.code, error.address, `${error.message} (${option})`);
  const address = "endpoint" in source ? source.endpoint : source;
  const code = errorCode(error);
  const fix = option === undefined ? fixOf(source, code, sourceNetns) : fixOfOption(option, code);
  return relayError("listen on", printAddress(address), error, fix);
}

function fixOfOption(option: string, code: string): string {
  if (isDescriptorShortage(code)) return MORE_DESCRIPTORS;
  if (code === "EADDRINUSE") return `choose another address for ${option}`;
  return code === "ENOENT" ? `make the folder of ${option} first` : `see ${option}`;
}

const MORE_DESCRIPTORS = "raise the limit of open files (LimitNOFILE=, ulimit -n)";

function fixOf(source: Source, code: string, netns: string | undefined): string {
  if (isDescriptorShortage(code)) return MORE_DESCRIPTORS;
  if (code === "EACCES" && source.kind === "tcp" && source.port < 1024)
    return "a port below 1024 needs the capability CAP_NET_BIND_SERVICE";
  if (code === "EADDRINUSE") return "stop the program that listens there or choose another address";
  if (code === "EADDRNOTAVAIL")
    return "no interface of this machine has that address; if the address comes later, add --freebind";
  if (code === "EAFNOSUPPORT" && source.kind === "tcp")
    return "this system lacks that address family (in a systemd unit: RestrictAddressFamilies=)";
  if (code === "EINVAL" && source.kind === "tcp") return missingZone(source.host, netns);
  if (code === "EINVAL" && source.kind === "abstract")
    return "without FFI an abstract name has at most 106 bytes (in a systemd unit: MemoryDenyWriteExecute=no)";
  if (code === "ENOENT" && source.kind === "unix" && /^[~$]/.test(source.path))
    return `a shell has not expanded ${source.path.slice(0, 1)} here; write the whole path`;
  if (code === "ENOENT" && source.kind === "unix")
    return "make the folder first, or add --directory-mode=0755 (in a systemd unit: RuntimeDirectory=)";
  return "";
}
