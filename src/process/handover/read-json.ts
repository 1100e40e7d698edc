/** The error about a JSON value that does not have the expected shape. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** Reads a JSON value as a typed value, or throws a `ShapeError`. */
export type Reader<Value> = (value: unknown) => Value;

/** The reader of each field of an object. */
type FieldReaders<Value> = { readonly [Name in keyof Value]-?: Reader<Value[Name]> };

/**
 * Returns a reader of objects that uses one reader for each field. Unknown fields are ignored,
 * because another version of this program may have added them.
 *
 * @throws {ShapeError} with the name of the field, if the reader of a field throws
 */
export function record<Value extends object>(readers: FieldReaders<Value>): Reader<Value> {
  return (value) => {
    const fields = fieldsOf(value);
    const read: Partial<Value> = {};
    for (const name of namesOf(readers)) read[name] = readField(fields, name, readers[name]);
    // The cast is safe, because each field of `Value` has a reader, and each reader has run.
    return read as Value;
  };
}

/** Reads one field of an object without reading the others. */
export function field<Value>(value: unknown, name: string, read: Reader<Value>): Value {
  return readField(fieldsOf(value), name, read);
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ShapeError("no object");
  return new Map(Object.entries(value));
}

function readField<Value>(
  fields: ReadonlyMap<string, unknown>,
  name: string,
  read: Reader<Value>,
): Value {
  try {
    return read(fields.get(name));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new ShapeError(`${name}: ${error.message}`, { cause: error });
  }
}

function namesOf<Value extends object>(value: Value): (keyof Value & string)[] {
  return Object.keys(value).filter((name): name is keyof Value & string => name in value);
}

export function integer(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new ShapeError("no integer");
  return value;
}

export function string(value: unknown): string {
  if (typeof value !== "string") throw new ShapeError("no string");
  return value;
}

export function boolean(value: unknown): boolean {
  if (typeof value !== "boolean") throw new ShapeError("no boolean");
  return value;
}

export function listOf<Item>(read: Reader<Item>): Reader<readonly Item[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new ShapeError("no list");
    return value.map((item: unknown) => read(item));
  };
}

export function nullOr<Value>(read: Reader<Value>): Reader<Value | null> {
  return (value) => (value === null ? null : read(value));
}

/**
 * Returns a reader of a field that earlier versions of this program do not write. If the field is
 * missing, the reader returns `otherwise`.
 */
export function orElse<Value>(otherwise: Value, read: Reader<Value>): Reader<Value> {
  return (value) => (value === undefined ? otherwise : read(value));
}

/** Returns a reader that accepts only the text `wanted`. */
export function word<Word extends string>(wanted: Word): Reader<Word> {
  return (value) => {
    if (value !== wanted) throw new ShapeError(`not "${wanted}"`);
    return wanted;
  };
}
