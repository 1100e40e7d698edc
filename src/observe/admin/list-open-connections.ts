import { clientFields, clientName } from "../figures/client-name-and-fields.ts";
import { clientGroup } from "../figures/group-connections-by-client.ts";
import type { Observation, ObservedRelay } from "../figures/observe-process.ts";
import {
  type ClientGroup,
  type Filter,
  joinLists,
  type OpenConnection,
} from "../figures/open-connections.ts";
import { rounded } from "./round-figures.ts";
import type { GroupDocument, OpenDocument, OpenList } from "./status-format.ts";
import type { StatusQuery } from "./status-query.ts";

/** Makes the list of open connections, or of their clients, that a query asks for. */
export function openList(
  observation: Observation,
  { name, statistics: { open } }: ObservedRelay,
  query: StatusQuery,
): OpenList {
  const { limit, offset = 0 } = query;
  const range = { limit, offset };
  const filter = filterOf(query);
  if (query.group === undefined && query.list === "all") {
    const start = { offset: 0, limit: offset + limit };
    const lists = observation.relays.map(({ name: relay, statistics }) => {
      const { total, list } = statistics.open.list(query.sort, start, filter);
      return { total, list: list.map((connection) => ({ relay, connection })) };
    });
    const { total, list } = joinLists(lists, query.sort, range);
    const shown = list.map(({ relay, connection }) => openDocument(relay, connection));
    return { of: "all", sort: query.sort, ...range, matching: total, list: shown, groups: null };
  }
  if (query.group === undefined) {
    const { total, list } = open.list(query.sort, range, filter);
    const shown = list.map((connection) => openDocument(name, connection));
    return { of: "relay", sort: query.sort, ...range, matching: total, list: shown, groups: null };
  }
  const { total, list, connections } = open.groups(query.sort, range, filter);
  const groups = { total, list: list.map(groupDocument) };
  return { of: "relay", sort: query.sort, ...range, matching: connections, list: [], groups };
}

/** Returns the filter that a query asks for; undefined if the query asks for all connections. */
function filterOf({ find = "", client }: StatusQuery): Filter | undefined {
  const words = find
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0 && client === undefined) return undefined;
  return ({ view }) => {
    if (client !== undefined && clientGroup(view) !== client) return false;
    if (words.length === 0) return true;
    const text = `${clientName(view)} ${view.state} ${view.destinationAddress}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

function groupDocument(group: ClientGroup): GroupDocument {
  return {
    client: group.client,
    open: group.open,
    age_seconds: rounded((performance.now() - group.openedAt) / 1_000),
    bytes_up: group.bytesUp,
    bytes_down: group.bytesDown,
    rate_up: Math.round(group.rateUp),
    rate_down: Math.round(group.rateDown),
    held_up: group.heldUp,
    held_down: group.heldDown,
  };
}

function openDocument(relay: string, { view, rateUp, rateDown }: OpenConnection): OpenDocument {
  return {
    relay,
    id: view.id,
    ...clientFields(view),
    state: view.state,
    reached: view.destinationAddress,
    age_seconds: rounded((performance.now() - view.openedAt) / 1_000),
    bytes_up: view.bytesUp,
    bytes_down: view.bytesDown,
    rate_up: Math.round(rateUp),
    rate_down: Math.round(rateDown),
    held_up: view.heldUp,
    held_down: view.heldDown,
  };
}
