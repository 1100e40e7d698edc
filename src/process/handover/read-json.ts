/** A JSON value that is not what its reader needs. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** Makes a typed value of a JSON value, or throws a `ShapeError`. */
export type Reader<Value> = (value: unknown) => Value;

/** The fields of a JSON object. Unknown fields are ignored: another version may have added them. */
export class Fields {
  readonly #fields: ReadonlyMap<string, unknown>;

  /** @throws {ShapeError} if the value is no object. */
  constructor(value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new ShapeError("no object");
    this.#fields = new Map(Object.entries(value));
  }

  /** @throws {ShapeError} naming the field, if it is not what `read` needs. */
  read<Value>(name: string, read: Reader<Value>): Value {
    try {
      return read(this.#fields.get(name));
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new ShapeError(`${name}: ${error.message}`, { cause: error });
    }
  }
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
