import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { readCsv, UnreadableCsv } from "../../../workers/tasks/csv_records.ts";

const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`;

Deno.test("readCsv() returns the records that were written, whatever the delimiter and line end", () => {
  const field = fc.string({
    unit: fc.constantFrom("a", "é", " ", '"', ",", ";", "\t", "\n", "\r"),
  });
  const records = fc.array(fc.array(field, { minLength: 1 }));
  fc.assert(
    fc.property(
      records,
      fc.constantFrom(",", ";", "\t", "]", "^", "\\"),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      (written, delimiter, lineEnd, ended) => {
        const text = written.map((record) => record.map(quoted).join(delimiter)).join(lineEnd);
        assertEquals(readCsv(ended ? text + lineEnd : text, delimiter), written);
      },
    ),
  );
});

Deno.test("readCsv() reads unquoted fields up to the delimiter and line end", () => {
  const cases: [string, string[][]][] = [
    ["", []],
    ["\ufeffa,b", [["a", "b"]]],
    ["a,b\r\n\r\n\nc,\n", [["a", "b"], ["c", ""]]],
    [",", [["", ""]]],
    ['""\n', [[""]]],
    ['a,"b"\r', [["a", "b"]]],
    ["a\rb,c\r", [["a\rb", "c"]]],
    [" a , b ", [[" a ", " b "]]],
  ];
  for (const [text, records] of cases) assertEquals(readCsv(text, ","), records, text);
});

Deno.test("readCsv() names the place of a misplaced quote", () => {
  const cases: [string, string][] = [
    ['a,b\n1,"2\n', "line 2, column 3 opens a quoted field that never ends"],
    ['a,b\n1,"2""', "line 2, column 3 opens a quoted field that never ends"],
    ['a,b"c', "line 1, column 4 has a quote in a field that does not start with one"],
    ['a\n"b"c,d', "line 2, column 4 has text after a closing quote"],
    ['"b"\rc', "line 1, column 5 has text after a closing quote"],
  ];
  for (const [text, place] of cases) {
    const error = assertThrows(() => readCsv(text, ","), UnreadableCsv);
    assertEquals(error.message.split(": ")[0], `Cannot read the CSV because ${place}`);
  }
});
