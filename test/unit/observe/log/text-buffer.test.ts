import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { TextBuffer } from "../../../../src/observe/log/text-buffer.ts";
import { holds } from "../../../support/property.ts";

function textOf(...appends: ((text: TextBuffer) => void)[]): TextBuffer {
  const text = new TextBuffer();
  for (const append of appends) append(text);
  return text;
}

test("any parts give the text that joining them gives, and its bytes", () => {
  const part = fc.string({ unit: "grapheme", maxLength: 700 });
  holds(
    import.meta.path,
    fc.property(fc.array(part), (parts) => {
      const text = textOf(...parts.map((each) => (to: TextBuffer) => to.append(each)));
      const joined = textOf(
        (to) => to.append("x"),
        (to) => to.appendBuffer(text),
      );
      expect(text.toString()).toBe(parts.join(""));
      expect(Buffer.from(text.bytes)).toEqual(Buffer.from(parts.join("")));
      expect(joined.toString()).toBe(`x${parts.join("")}`);
      expect(joined.isPlain).toBe(text.isPlain);
    }),
  );
});

test.each([0, 1, 9, 10, 99, 100, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1])(
  "the whole number %d",
  (number) => {
    expect(textOf((text) => text.appendWhole(number)).toString()).toBe(String(number));
  },
);

test("a part of a number is left out, and zeros in front are kept where they are asked for", () => {
  const text = textOf(
    (to) => to.appendWhole(12.999),
    (to) => to.append("."),
    (to) => to.appendDigits(34, 3),
  );
  expect(text.toString()).toBe("12.034");
});

describe("plain is", () => {
  test.each([
    ["printable ASCII", " az~", true],
    ["no control character", "a\u001fb", false],
    ["no line feed", "a\nb", false],
    ["no DEL", "a\u007fb", false],
    ["nothing beyond ASCII", "\u00e9", false],
  ])("%s", (_, text, isPlain) => {
    expect(textOf((to) => to.append(text)).isPlain).toBe(isPlain);
    expect(
      textOf(
        (to) => to.append(text),
        (to) => to.append("a"),
      ).isPlain,
    ).toBe(isPlain);
  });

  test("the end of a line, and a text that was cleared", () => {
    const text = textOf(
      (to) => to.append("a"),
      (to) => to.endLine(),
    );
    expect(text.toString()).toBe("a\n");
    expect(text.isPlain).toBe(true);
    text.append("\n");
    text.clear();
    expect(text).toMatchObject({ isPlain: true, length: 0 });
  });
});
