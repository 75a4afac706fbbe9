import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { closest } from "../../../shared/text/closest.ts";

const letters = (length: { minLength: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom(..."abcdeé"), ...length });

/** A word, and the same word with one letter inserted, deleted or substituted. */
const words = fc.tuple(
  letters({ minLength: 4, maxLength: 12 }),
  fc.nat(11),
  letters({ minLength: 0, maxLength: 1 }),
  fc.boolean(),
).map(([word, place, letter, keep]) => {
  const at = Math.min(place, word.length - 1);
  return { word, edited: word.slice(0, at) + letter + word.slice(keep ? at : at + 1) };
});

Deno.test("closest() finds a word with one edit among farther words", () => {
  fc.assert(fc.property(words, ({ word, edited }) => {
    assertEquals(closest(edited, ["wwwwwwwwwwww", "xx", word, "yyyy"]), word);
    assertEquals(closest("zzzz", [edited]), undefined);
  }));
});

Deno.test("closest() accepts as many edits as a third of the letters", () => {
  assertEquals(closest("kitten", ["sitting"]), undefined);
  assertEquals(closest("kitten", ["sittin"]), "sittin");
  assertEquals(closest("intention", ["execution"]), undefined);
  assertEquals(closest("intention", ["inventing"]), "inventing");
  assertEquals(closest("", ["ab", "a"]), "a");
});
