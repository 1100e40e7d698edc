import { isInUse } from "./dom.ts";

/**
 * The child elements that show a list of items. Each item has a key. When the list is updated, an
 * item whose key is already shown keeps its child element. The child element is changed in place,
 * so that a text selection and the focus survive. While the parent element contains the focus or an
 * end of the reader's text selection, the children that are already shown are not reordered.
 */
export class KeyedChildren<Item, Child extends HTMLElement> {
  readonly #parent: HTMLElement;
  readonly #keyOf: (item: Item) => string;
  readonly #make: (item: Item) => Child;
  readonly #update: (child: Child, item: Item) => void;
  #children = new Map<string, Child>();

  constructor(
    parent: HTMLElement,
    keyOf: (item: Item) => string,
    make: (item: Item) => Child,
    update: (child: Child, item: Item) => void,
  ) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = make;
    this.#update = update;
  }

  /** Shows the items in the given order, one child for each item. */
  show(items: readonly Item[]): void {
    const keepsOrder = isInUse(this.#parent);
    const before = this.#children;
    this.#children = new Map();
    for (const item of items) {
      const key = this.#keyOf(item);
      const child = before.get(key) ?? this.#make(item);
      this.#update(child, item);
      this.#children.set(key, child);
    }
    for (const [key, child] of before) if (!this.#children.has(key)) child.remove();
    let next = this.#parent.firstElementChild;
    for (const child of this.#children.values()) {
      if (child === next) next = child.nextElementSibling;
      else if (!keepsOrder) this.#parent.insertBefore(child, next);
      else if (child.parentElement === null) this.#parent.append(child);
    }
  }
}
