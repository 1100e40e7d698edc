import {
  AddressError,
  type Endpoint,
  parseAddress,
  printAddress,
  type Role,
  type SocketEndpoint,
} from "../address/address.ts";
import { EVENTS } from "../relay/combine-observers.ts";
import { RelayError } from "../relay/error.ts";
import type { Observer } from "../relay/observer.ts";
import type { RelayOptions } from "../relay/options.ts";
import { contradictions } from "./contradicting-options.ts";
import { nearest } from "./did-you-mean.ts";
import { findMisfits } from "./check-source-options.ts";
import { InvalidValue, show } from "./invalid-value-error.ts";
import { quote } from "../address/quote-word.ts";
import {
  RELAY_OPTION_NAMES,
  RELAY_OPTIONS,
  type RelayOptionName,
} from "./types-and-ranges-of-relay-options.ts";
import type { LibraryType } from "./value-types.ts";

/** The checked values of the options in `RELAY_OPTIONS`. */
export type RelayValues = Pick<RelayOptions, RelayOptionName>;

/**
 * Refuses options that are not an object.
 *
 * @throws {RelayError} with the code `EINVAL`.
 */
export function refuseNoObject(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new RelayError("EINVAL", "", `the options are ${show(options)}, not an object`);
}

/**
 * Checks the options that a program passes. Each option must be known, have the right type, be
 * within its range, fit the source, and not contradict another option or an address. An option
 * whose value is undefined counts as not given.
 *
 * @param others - the names of the further options that are allowed besides `RELAY_OPTIONS`
 * @throws {RelayError} with the code `EINVAL`; the message names the option.
 */
export function takeRelayOptions(
  options: Readonly<Record<string, unknown>>,
  others: readonly string[],
  { source, destination }: { readonly source: Endpoint; readonly destination: SocketEndpoint },
): RelayValues {
  checkNames(options, [...RELAY_OPTION_NAMES, ...others]);
  const [misfit] = findMisfits(options, source);
  if (misfit !== undefined)
    throw invalidOption(misfit.name, `makes sense only if the source is ${misfit.needs}`);
  const taken = RELAY_OPTION_NAMES.flatMap((name) => {
    const value = options[name];
    return value === undefined
      ? []
      : [[name, takeOption<unknown>(name, RELAY_OPTIONS[name], value)]];
  });
  // The cast is needed because TypeScript loses the type of each row's value in a loop over the
  // rows.
  const values = Object.fromEntries(taken) as RelayValues;
  const [contradiction] = contradictions(values, { source, destination }, (name) => name);
  if (contradiction !== undefined) throw invalidOption(contradiction.name, contradiction.reason);
  return values;
}

/**
 * Checks the value of one option.
 *
 * @throws {RelayError} as `takeRelayOptions` does.
 */
export function takeOption<Value>(
  name: string,
  { take }: Pick<LibraryType<Value>, "take">,
  value: unknown,
): Value {
  try {
    return take(value);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    throw invalidOption(name, error.message);
  }
}

/** Checks the destination that a program passes. @throws {AddressError | RelayError} */
export function takeDestination(address: unknown): SocketEndpoint {
  return takeAddress("destination", address);
}

/** Checks the source that a program passes. @throws {AddressError | RelayError} */
export function takeSource(address: unknown): Endpoint {
  return takeAddress("source", address);
}

/**
 * Reads an address that a program passes: a text or an `Endpoint`. Both are checked equally
 * strictly.
 */
function takeAddress(role: "destination", address: unknown): SocketEndpoint;
function takeAddress(role: Role, address: unknown): Endpoint;
function takeAddress(role: Role, address: unknown): Endpoint {
  const text = isEndpoint(address) ? printAddress(address) : address;
  if (typeof text !== "string")
    throw invalidOption(role, `${show(text)} is not an address; write HOST:PORT or /PATH`);
  try {
    return parseAddress(text, role);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new AddressError(error.text, error.reason, role);
  }
}

function isEndpoint(value: unknown): value is Endpoint {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  switch (value.kind) {
    case "unix":
      return "path" in value && typeof value.path === "string";
    case "abstract":
    case "systemd":
      return "name" in value && typeof value.name === "string";
    case "tcp":
      return (
        "host" in value &&
        typeof value.host === "string" &&
        "port" in value &&
        typeof value.port === "number"
      );
    case "fd":
      return "fd" in value && typeof value.fd === "number";
    default:
      return false;
  }
}

/**
 * Checks an observer and returns it; undefined if there is none. For each event, the observer must
 * have a function or no property. Properties that are no events are ignored.
 *
 * @throws {RelayError} with the code `EINVAL`
 */
export function takeObserver(observer: unknown): Partial<Observer> | undefined {
  if (observer === undefined || isObserver(observer)) return observer;
  throw invalidOption(
    "observer",
    `${show(observer)} is not an object with a function for each event`,
  );
}

function isObserver(value: unknown): value is Partial<Observer> {
  if (typeof value !== "object" || value === null) return false;
  return EVENTS.every((event) => {
    const listener: unknown = Reflect.get(value, event);
    return listener === undefined || typeof listener === "function";
  });
}

/**
 * Checks the abort signal that a program passes, and returns the signal; undefined if there is
 * none.
 */
export function takeSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw invalidOption("signal", `${show(signal)} is not an AbortSignal`);
}

/** Makes the error about an option with an invalid value that a program passed. */
function invalidOption(name: string, reason: string): RelayError {
  return new RelayError("EINVAL", "", `${name}: ${reason}`);
}

function checkNames(options: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const meant = nearest(unknown, known);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  throw new RelayError("EINVAL", "", `there is no option ${quote(unknown)}${hint}`);
}
