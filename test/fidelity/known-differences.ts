import type { Direction } from "./directions.ts";

/** A row of the table that does not hold for one way to run a relay. */
export interface Difference {
  /** Its name. */
  readonly row: string;
  readonly where: (direction: Direction) => boolean;
  readonly why: string;
  /** Whether the row depends on a race, so that it may hold or not. */
  readonly sometimesHolds?: boolean;
}

const fromTcp: Difference["where"] = ({ source }) => source === "tcp";
const toTcp: Difference["where"] = ({ destination }) => destination === "tcp";
const toUnix: Difference["where"] = ({ destination }) => destination === "unix";
const anyTcp: Difference["where"] = ({ source, destination }) =>
  source === "tcp" || destination === "tcp";
const unixOnly: Difference["where"] = ({ source, destination }) =>
  source === "unix" && destination === "unix";

const ANSWER_LOST = "Bun's connect loses an answer that is followed by a close at once";
const NEVER_GIVEN_UP = "Bun's connect cannot be canceled";
const PERHAPS_FULL = "Bun reports a full queue as ECONNREFUSED, too, so the relay retries for 1 s";
const DELIVERY_UNSEEN = "Bun does not tell how many bytes the peer has not received yet";
const ENDS_ALIKE = "Bun does not tell whether a write failed because of a reset or a clean end";
const REFUSED_ALIKE = "Bun reports a reset right after the connect as ECONNREFUSED";
const SHUT_UNSEEN = "Bun does not tell why a write failed";
const RESET_EARLY = "Bun does not leave the unread bytes of a reset socket in the kernel";

/**
 * Parts of the names of rows in which an end closes cleanly while its peer sends. Such a row holds
 * if the relay reads the end of stream before a write meets the close. The row "that answers and
 * closes before its peer sends on" has this order for certain, and holds everywhere.
 */
const CLOSES_UNDER_WRITES = [
  "that answers 100 bytes and closes while its peer sends: read after 20 MiB were sent",
  "that answers 100 bytes and closes while its peer sends: read meanwhile",
  "that answers 102400 bytes and closes while its peer sends: read after 20 MiB were sent",
  "that answers 102400 bytes and closes while its peer sends: read meanwhile",
  "that stalls its peer's upload, answers and closes: the answer, the upload is dropped",
  "that closes behind an answer that its peer, sending on, does not read yet: all of it",
  "that closes without a word while its peer sends: end of stream",
];

/** What does not hold without FFI (README, "Without FFI"). */
export const DIFFERENCES_WITHOUT_FFI: readonly Difference[] = [
  {
    row: "a destination that answers and closes at once, 1,000 times: no answer is lost",
    where: toUnix,
    why: ANSWER_LOST,
  },
  {
    row: "a destination that answers and resets at once, 300 times: the answer, then a failure",
    where: toTcp,
    why: ANSWER_LOST,
  },
  {
    row: "a client that leaves before the destination answered: the attempt is dropped",
    where: toTcp,
    why: NEVER_GIVEN_UP,
  },
  {
    row: "a client that resets with bytes on the way before the destination answered: dropped",
    where: toTcp,
    why: NEVER_GIVEN_UP,
  },
  {
    row: "a destination that does not answer in time: a failure, told once",
    where: toTcp,
    why: NEVER_GIVEN_UP,
  },
  {
    row: "a destination where nobody listens: a failure at once, told once with its reason",
    where: toUnix,
    why: PERHAPS_FULL,
  },
  { row: "a destination that is there again after it was not", where: toUnix, why: PERHAPS_FULL },
  {
    row: "an end that closed when all was handed on: a reader that stalls for long, and writes, gets all of it",
    where: anyTcp,
    why: DELIVERY_UNSEEN,
  },
  {
    row: "an end that failed behind what its peer has not read: a reader that stalls for long gets all of it",
    where: anyTcp,
    why: RESET_EARLY,
    sometimesHolds: true,
  },
  {
    row: "a destination that accepts and resets at once, 300 times: reached, and not tried again",
    where: toTcp,
    why: REFUSED_ALIKE,
    sometimesHolds: true,
  },
  ...[
    "a client that fails while its peer does not read: the peer still gets all that was taken",
    "a destination that fails while its peer does not read: the peer still gets all that was taken",
  ].map((row) => ({ row, where: anyTcp, why: RESET_EARLY, sometimesHolds: true })),
  ...["client", "destination"].flatMap((end) => [
    {
      row: `a ${end} that shuts down its reading: a Unix peer's writes fail, the opposite direction goes on`,
      where: unixOnly,
      why: SHUT_UNSEEN,
    },
    {
      row: `a ${end} that shuts down its reading under its peer's flood: likewise`,
      where: unixOnly,
      why: SHUT_UNSEEN,
    },
  ]),
  ...CLOSES_UNDER_WRITES.flatMap((what) => [
    { row: `a client ${what}`, where: fromTcp, why: ENDS_ALIKE, sometimesHolds: true },
    { row: `a destination ${what}`, where: toTcp, why: ENDS_ALIKE, sometimesHolds: true },
  ]),
];
