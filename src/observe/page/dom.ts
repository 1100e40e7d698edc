/**
 * The element of the page with the given id.
 *
 * @throws {Error} if the page has no such element
 */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element ${id}`);
  return element as Kind;
}

/** Makes an HTML element with attributes and content. Text is never parsed as markup. */
export function html<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** Makes an SVG element with attributes and content. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/**
 * Sets the text of an element, unless the element already has that text. If the reader's selection
 * begins or ends in the element's text, the text stays unchanged until the selection is gone,
 * because a change would remove the selection.
 */
export function setText(element: Element, text: string): void {
  if (element.textContent === text) return;
  const { firstChild: node } = element;
  if (!(node instanceof Text)) element.textContent = text;
  else if (!isSelectionEdge(node)) node.data = text;
}

/** Sets attributes of an element. */
export function setAttributes(
  element: Element,
  attributes: Readonly<Record<string, string | number>>,
): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

/** Whether the element contains the focus, or an end of the reader's text selection. */
export function isInUse(element: Element): boolean {
  if (element.contains(document.activeElement)) return true;
  const selection = getSelection();
  if (selection === null || selection.isCollapsed) return false;
  return element.contains(selection.anchorNode) || element.contains(selection.focusNode);
}

function isSelectionEdge(node: Node): boolean {
  const selection = getSelection();
  if (selection === null || selection.isCollapsed) return false;
  return selection.anchorNode === node || selection.focusNode === node;
}
