import type { HandedSource, PlacedFile } from "../../relay/kinds-of-source.ts";
import {
  changePermissions,
  permissionsOf,
  type WholePermissions,
} from "../../relay/listen/socket-file/change-permissions.ts";

/**
 * Notes the permissions of the files of Unix sockets before they are handed over. The successor
 * changes them just before it is ready, so a handover that fails afterwards must undo the change:
 * the successor may have been killed before it could do so.
 *
 * @param warn - is called for each file whose permissions cannot be restored
 * @returns a function that restores the noted permissions
 */
export function notePermissions(
  listeners: readonly { readonly socket: HandedSource }[],
  warn: (message: string) => void,
): () => void {
  const noted = listeners.flatMap(({ socket: { endpoint, file: identity } }) => {
    if (endpoint.kind !== "unix" || identity === null) return [];
    const file = { path: endpoint.path, identity };
    const before = permissionsOf(file);
    return before === null ? [] : [{ file, before }];
  });
  return () => {
    for (const { file, before } of noted) restore(file, before, warn);
  };
}

function restore(file: PlacedFile, before: WholePermissions, warn: (message: string) => void) {
  const now = permissionsOf(file);
  // Change nothing without need, because this process may not be allowed to.
  if (now === null || Bun.deepEquals(now, before)) return;
  try {
    changePermissions(file, before);
  } catch (error) {
    warn(error instanceof Error ? error.message : String(error));
  }
}
