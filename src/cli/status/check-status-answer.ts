import type { StatusDocument } from "../../observe/admin/status-format.ts";
import { escapeControls } from "../../observe/log/escape-controls.ts";
import { hasTooManyLevels, LEVELS_MOST } from "./levels-of-json.ts";
import { PROGRAM } from "../../program/version.ts";

/**
 * The type of a value that another process sent. A union of words becomes `string`, because a later
 * release may send more words.
 */
type AsRead<Type> = Type extends string
  ? string
  : Type extends readonly (infer Item)[]
    ? readonly AsRead<Item>[]
    : Type extends object
      ? { readonly [Key in keyof Type]: AsRead<Type[Key]> }
      : Type;

/** A status with checked types. Its strings are safe to print: control characters are escaped. */
export type ReadStatus = AsRead<StatusDocument>;
type ReadFailure = ReadStatus["failures"][number];
export type ReadSummary = ReadStatus["relays"][number];
export type ReadConnection = ReadStatus["open"]["list"][number];

/**
 * The error about an answer that is not a valid status. The message names the wrong part and is
 * safe to print.
 */
export class NoStatus extends Error {
  override readonly name = "NoStatus";
}

function wrong(at: string, what: string): never {
  throw new NoStatus(`${at === "" ? "" : `${escapeControls(at)} of `}the answer ${what}`);
}

/**
 * Checks the type of a value and returns the value. `at` is the path of the value in the document;
 * "" is the whole document.
 *
 * @throws {NoStatus}
 */
type Reader<Type> = (value: unknown, at: string) => Type;

/**
 * Checks and returns a status that another process sent. The check is necessary because that
 * process is perhaps not a relay. Fields that this release does not know are left out.
 *
 * @throws {NoStatus}
 */
export function checkStatusAnswer(value: unknown): ReadStatus {
  if (hasTooManyLevels(value)) wrong("", `has more than ${LEVELS_MOST} levels`);
  const status = STATUS(value, "");
  if (status.program !== PROGRAM) wrong("program", `is not ${PROGRAM}`);
  return status;
}

const text: Reader<string> = (value, at) => {
  if (typeof value !== "string") wrong(at, "is not a string");
  return escapeControls(value);
};

const number: Reader<number> = (value, at) => {
  if (typeof value !== "number") wrong(at, "is not a number");
  return value;
};

const flag: Reader<boolean> = (value, at) => {
  if (typeof value !== "boolean") wrong(at, "is neither true nor false");
  return value;
};

function orNull<Type>(read: Reader<Type>): Reader<Type | null> {
  return (value, at) => (value === null ? null : read(value, at));
}

/**
 * Makes a reader for a value that may be absent. The reader returns `otherwise` for an absent
 * value.
 */
function orElse<Type>(otherwise: Type, read: Reader<Type>): Reader<Type> {
  return (value, at) => (value === undefined ? otherwise : read(value, at));
}

/**
 * Makes a reader for a value that may be absent. The reader returns `undefined` for an absent
 * value.
 */
function optional<Type>(read: Reader<Type>): Reader<Type | undefined> {
  return (value, at) => (value === undefined ? undefined : read(value, at));
}

function listOf<Type>(read: Reader<Type>): Reader<readonly Type[]> {
  return (value, at) => {
    if (!Array.isArray(value)) wrong(at, "is not a list");
    return value.map((item: unknown, index) => read(item, `${at}[${index}]`));
  };
}

/** Makes a reader for an object that may have any keys. `read` reads the value of each key. */
function wordsTo<Type>(read: Reader<Type>): Reader<Readonly<Record<string, Type>>> {
  return (value, at) =>
    Object.fromEntries(
      Object.entries(objectOf(value, at)).map(([name, part]) => [
        escapeControls(name),
        read(part, within(at, name)),
      ]),
    );
}

function within(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}

type Readers<Type> = { readonly [Key in keyof Type]-?: Reader<Type[Key]> };

function object<Type extends object>(readers: Readers<Type>): Reader<Type> {
  return (value, at) => {
    const source = objectOf(value, at);
    const read: Partial<Type> = {};
    for (const key of keysOf(readers)) {
      const part = readers[key](source[key], within(at, key));
      if (part !== undefined) read[key] = part;
    }
    // The cast is safe: every key of the type has a reader, and all readers have run.
    return read as Type;
  };
}

function objectOf(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    wrong(at, "is not an object");
  return Object.fromEntries(Object.entries(value));
}

function keysOf<Type extends object>(value: Type): (keyof Type & string)[] {
  return Object.keys(value).filter((key): key is keyof Type & string => key in value);
}

/**
 * The readers of the figures that a relay's traffic, a connection and a group of connections have
 * in common.
 */
const BYTES = {
  bytes_up: number,
  bytes_down: number,
  rate_up: number,
  rate_down: number,
  held_up: number,
  held_down: number,
};

const TRAFFIC = object<ReadStatus["traffic"]>({
  ...BYTES,
  pauses_up: number,
  pauses_down: number,
});

const SAMPLE = object<ReadStatus["history"][number]>({
  at: number,
  rate_up: number,
  rate_down: number,
  open: number,
  accepted: number,
  failed: number,
  refused: orElse(0, number),
  connect_p50_seconds: orElse(null, orNull(number)),
  connect_p99_seconds: orElse(null, orNull(number)),
  event_loop_delay_seconds: orElse(0, number),
});

const FAILURE: Readers<ReadFailure> = {
  kind: text,
  reason: text,
  count: number,
  first_at: text,
  last_at: text,
  message: text,
};

const STATUS = object<ReadStatus>({
  program: text,
  version: text,
  pid: number,
  // Accept an answer without `relay` and `relays`, because earlier releases do not send them.
  relay: orElse("", text),
  relays: orElse(
    [],
    listOf(
      object<ReadSummary>({
        name: text,
        state: orElse("", text),
        ready: flag,
        not_ready_because: orElse(null, orNull(text)),
        source: orElse(null, orNull(text)),
        destination: orElse("", text),
        open: number,
        waiting_for_header: orElse(0, number),
        max: orElse(0, number),
        total: orElse(0, number),
        failed: orElse(0, number),
        refused: orElse(0, number),
        rate_up: orElse(0, number),
        rate_down: orElse(0, number),
        accepting_paused: orElse([], listOf(text)),
        capture_ended: orElse(null, orNull(text)),
      }),
    ),
  ),
  all: orElse(
    null,
    orNull(
      object<NonNullable<ReadStatus["all"]>>({
        traffic: TRAFFIC,
        failures: orElse([], listOf(object({ ...FAILURE, relay: text }))),
        history: listOf(SAMPLE),
      }),
    ),
  ),
  state: text,
  ready: flag,
  not_ready_because: orNull(text),
  started_at: text,
  uptime_seconds: number,
  source: orNull(text),
  destination: text,
  options: wordsTo(text),
  connections: object<ReadStatus["connections"]>({
    open: number,
    waiting_for_header: orElse(0, number),
    max: number,
    total: number,
    connected: number,
    refused: wordsTo(number),
    failed: wordsTo(number),
    closed: wordsTo(number),
  }),
  traffic: TRAFFIC,
  accept_pauses: number,
  accepting_paused: orElse([], listOf(text)),
  log_lines_dropped: number,
  faults: number,
  capture_ended: orElse(null, orNull(text)),
  last_failure: orNull(
    object<NonNullable<ReadStatus["last_failure"]>>({ at: text, code: text, message: text }),
  ),
  failures: orElse([], listOf(object<ReadFailure>(FAILURE))),
  process: object<ReadStatus["process"]>({
    connections_open: orElse(0, number),
    connections_max: orElse(null, orNull(number)),
    held_bytes: orElse(0, number),
    held_bytes_max: orElse(null, orNull(number)),
    earlier_connections: orElse(0, number),
    workers: orElse(null, orNull(number)),
    cpu_seconds: number,
    resident_memory_bytes: number,
    open_files: orNull(number),
    open_files_max: orNull(number),
    event_loop_delay_seconds: number,
  }),
  open: object<ReadStatus["open"]>({
    of: orElse("relay", text),
    sort: text,
    limit: number,
    offset: orElse(0, number),
    matching: orElse(0, number),
    list: listOf(
      object<ReadConnection>({
        relay: orElse("", text),
        id: number,
        client: text,
        client_uid: optional(number),
        client_gid: optional(number),
        client_pid: optional(number),
        state: text,
        reached: orElse("", text),
        ...BYTES,
        age_seconds: number,
      }),
    ),
    groups: orElse(
      null,
      orNull(
        object<NonNullable<ReadStatus["open"]["groups"]>>({
          total: number,
          list: listOf(
            object<NonNullable<ReadStatus["open"]["groups"]>["list"][number]>({
              client: text,
              open: number,
              ...BYTES,
              age_seconds: number,
            }),
          ),
        }),
      ),
    ),
  }),
  history: listOf(SAMPLE),
});
