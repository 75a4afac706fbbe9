import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import stringWidth from "string-width";
import { cut, printable, table } from "../../../../cli/terminal/display.ts";

Deno.test("printable() leaves nothing that controls a terminal", () => {
  assertEquals(printable("\x1b]0;title\x07a\x1b[2Jb"), "ab");
  assertEquals(printable("a\r\nb\u202ec\u2028"), "a\ufffd\ufffdb\ufffdc\ufffd");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert(!/[\p{C}\u2028\u2029]/u.test(printable(text)));
  }));
  assertEquals(printable("이미지 é"), "이미지 é");
});

Deno.test("cut() never exceeds the columns", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.nat(20), (text, columns) => {
    assert(stringWidth(cut(text, columns)) <= columns);
  }));
  assertEquals(cut("abc", 3), "abc");
  assertEquals(cut("abc", 0), "");
  assertEquals(cut("abc", Infinity), "abc");
});

Deno.test("table() aligns wide characters", () => {
  assertEquals(table(["A", ">N", "B"], [["대기열", "1", "x"], ["b", "100", ""]]), [
    "A         N  B",
    "대기열    1  x",
    "b       100",
  ]);
});
