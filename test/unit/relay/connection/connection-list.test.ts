import { expect, test } from "bun:test";
import fc from "fast-check";
import { ConnectionList } from "../../../../src/relay/connection/connection-list.ts";
import { holds } from "../../../support/property.ts";

class Item {
  listIndex = -1;
}

test("after any additions and removals the list has what a Set would have", () => {
  holds(
    import.meta.path,
    fc.property(fc.array(fc.nat(9)), (moves) => {
      const items = Array.from({ length: 10 }, () => new Item());
      const list = new ConnectionList<Item>();
      const set = new Set<Item>();
      for (const move of moves) {
        const item = items[move] as Item;
        if (set.has(item)) {
          expect(list.delete(item)).toBe(set.delete(item));
        } else {
          expect(list.delete(item)).toBe(false);
          list.add(item);
          set.add(item);
        }
        expect(list.size).toBe(set.size);
        expect(new Set(list)).toEqual(set);
        expect([...list]).toHaveLength(set.size);
      }
    }),
  );
});

test("who iterates may remove any items, and meets each other item once", () => {
  const items = Array.from({ length: 6 }, () => new Item());
  const list = new ConnectionList<Item>();
  for (const item of items) list.add(item);
  const met: Item[] = [];
  for (const item of list) {
    met.push(item);
    list.delete(item);
    if (met.length === 2) list.delete(items[5] as Item);
    if (met.length === 3) list.add(new Item());
  }
  expect(met).toEqual(items.slice(0, 5));
  expect(new Set(met).size).toBe(5);
  expect(list.size).toBe(1);
});
