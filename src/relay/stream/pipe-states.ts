/**
 * The state of a pipe, which reads bytes from the side `from` and writes them to the side `to`
 * (`Pipe`). The held bytes are the bytes that were read and that `to` has not taken yet.
 *
 * - `flowing`: the pipe passes bytes on.
 * - `ending`: `from` ended its stream. The pipe writes the held bytes, then the end of stream.
 * - `ended`: the pipe has passed on the end of stream.
 * - `aborting`: `from` failed, for example by a reset. The pipe writes the held bytes; after that
 *   the relay must reset `to`.
 * - `broken`: `to` takes no more bytes. The relay reads and drops all further bytes of `from`.
 *
 * Each row of this table is a state, each column an event, and each cell the next state. `end`,
 * `abort` and `break` are calls of the pipe's methods; `all written` means that `to` took all held
 * bytes.
 *
 * | state      | `end`      | `abort`    | all written | `break`  |
 * | ---------- | ---------- | ---------- | ----------- | -------- |
 * | `flowing`  | `ending`   | `aborting` | `flowing`   | `broken` |
 * | `ending`   | `ending`   | `ending`   | `ended`     | `broken` |
 * | `ended`    | `ended`    | `ended`    | `ended`     | `ended`  |
 * | `aborting` | `aborting` | `aborting` | `aborting`  | `broken` |
 * | `broken`   | `broken`   | `broken`   | `broken`    | `broken` |
 */
export type PipeState = "flowing" | "ending" | "ended" | "aborting" | "broken";
