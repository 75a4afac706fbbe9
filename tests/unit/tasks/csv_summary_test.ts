import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { csvSummary } from "../../../shared/tasks/csv_summary.ts";
import { csvSummaryHandler } from "../../../workers/tasks/csv_summary.ts";
import { context, readText } from "./fixtures.ts";

type Summary = NonNullable<typeof csvSummary.output>["_zod"]["output"];

function summarise(csv: string, options: { delimiter?: string; header?: boolean } = {}): Summary {
  const found = csvSummaryHandler.run(csvSummary.input.parse({ csv, ...options }), context());
  return csvSummary.output!.parse(found);
}

/** A column in short: `name type missing`, and `min max mean` of numbers. */
function lines({ columns }: Summary): string[] {
  return columns.map(({ name, type, missing, min, max, mean }) =>
    [name, type, missing, ...(mean === undefined ? [] : [min, max, mean])].join(" ")
  );
}

Deno.test("csv.summary gives the figures of Python when fields are quoted", async () => {
  const found = summarise(await readText("tables/airports.csv"));
  assertEquals([found.rows, found.ragged_rows], [3376, 0]);
  assertEquals(lines(found), [
    "iata text 0",
    "name text 0",
    "city text 12",
    "state text 12",
    "country text 0",
    "latitude number 0 7.367222 71.2854475 40.03652362552429",
    "longitude number 0 -176.6460306 145.621384 -98.62120491947572",
  ]);
});

Deno.test("csv.summary gives the figures of Python when line ends are CRLF", async () => {
  const text = await readText("tables/iowa_electricity.csv");
  const found = summarise(text.replaceAll("\n", "\r\n"));
  assertEquals(found, summarise(text));
  assertEquals(found.rows, 51);
  assertEquals(lines(found), [
    "year date 0",
    "source text 0",
    "net_generation integer 0 1437 42750 16950.039215686276",
  ]);
});

Deno.test("csv.summary gives the figures of Python when a byte order mark leads", async () => {
  const text = await readText("tables/danish_money.csv");
  assertEquals(text.charCodeAt(0), 0xfeff);
  const found = summarise(text);
  assertEquals(found.rows, 55);
  assertEquals(lines(found).slice(0, 4), [
    "period text 0",
    "lrm number 0 11.58152067 12.07546038 11.754406863636364",
    "lry number 0 5.786761176 6.098991614 5.952388070763637",
    "lpy number 0 -0.618735936 0.468334521 0.009530235054545455",
  ]);
});

Deno.test("csv.summary gives the figures of Python when the delimiter is a semicolon", async () => {
  const found = summarise(await readText("tables/travel_mode.csv"), { delimiter: ";" });
  assertEquals(found.rows, 840);
  assertEquals(lines(found).slice(2, 6), [
    "choice integer 0 0 1 0.25",
    "ttme integer 0 0 99 34.589285714285715",
    "invc integer 0 2 180 47.760714285714286",
    "invt integer 0 63 1440 486.16547619047617",
  ]);
});

Deno.test("csv.summary counts absent fields as missing when rows are ragged", async () => {
  const found = summarise(await readText("tables/debian_releases.csv"));
  assertEquals([found.rows, found.ragged_rows], [22, 15]);
  assertEquals(lines(found), [
    "version number 2 1.1 15 6.5",
    "codename text 0",
    "series text 0",
    "created date 0",
    "release date 4",
    "eol date 4",
    "eol-lts date 14",
    "eol-elts date 15",
  ]);
});

Deno.test("csv.summary names columns that the header does not name", () => {
  assertEquals(lines(summarise("a,\n1,2,3\n")), [
    "a integer 0 1 1 1",
    "column_2 integer 0 2 2 2",
    "column_3 integer 0 3 3 3",
  ]);
  const found = summarise("1,x\n2,y\n", { header: false });
  assertEquals(found.rows, 2);
  assertEquals(lines(found), ["column_1 integer 0 1 2 1.5", "column_2 text 0"]);
});

Deno.test("csv.summary finds no rows when there are none", () => {
  assertEquals(summarise(""), { rows: 0, ragged_rows: 0, columns: [] });
  assertEquals(summarise("\r\n\r\n"), { rows: 0, ragged_rows: 0, columns: [] });
  assertEquals(lines(summarise("a,b\n")), ["a empty 0", "b empty 0"]);
});

Deno.test("csv.summary tells the types apart", () => {
  const cases: [string, string][] = [
    ["-1,+2,0", "integer"],
    ["1,2.5,.5,1e-3", "number"],
    ["007,12", "text"],
    ["1,-", "text"],
    ["true,FALSE,null", "boolean"],
    ["2026-02-28,2024-02-29T10:00:00Z,2024-01-01 10:00", "date"],
    ["2026-02-30", "text"],
    ["1,true", "text"],
    ["NA,n/a,NaN,None, ", "empty"],
    ["1e400", "text"],
  ];
  for (const [values, type] of cases) {
    const csv = `value\n${values.split(",").map((value) => `"${value}"`).join("\n")}\n`;
    assertEquals(summarise(csv).columns[0]?.type, type, values);
  }
});

Deno.test("csv.summary has a mean when the sum is too large for a number", () => {
  assertEquals(summarise("v\n1e308\n1e308\n1e308\n").columns[0]?.mean, 1e308);
});

Deno.test("csv.summary says where the text is no CSV", () => {
  const error = assertThrows(() => summarise('a,b\n1,"2\n'), Error);
  assertEquals(error.name, "UnreadableCsv");
  assertMatch(error.message, /^Cannot read the CSV because line 2, column 3 opens/);
});

Deno.test("csv.summary refuses more than 1,024 columns", () => {
  assertEquals(summarise(",".repeat(1023)).columns.length, 1024);
  const error = assertThrows(() => summarise(",".repeat(1024)), Error);
  assertMatch(error.message, /1025 columns/);
});

Deno.test("csv.summary is bounded when one row is wide and the others are many", () => {
  const found = summarise(`${"1,".repeat(1000)}\n${"1\n".repeat(500_000)}`, { header: false });
  assertEquals([found.rows, found.ragged_rows, found.columns.length], [500_001, 500_000, 1001]);
});
