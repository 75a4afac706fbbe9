import { assertEquals } from "@std/assert";
import { celeryTable } from "../../support/celery_table.ts";

const document = `
| feature       | shown by                                                   |
| ------------- | ---------------------------------------------------------- |
| retry         | tests/unit/contracts/retry_test.ts                                   |
| chain         | tests/interop/canvas_test.ts, tests/unit/celery/a_test.ts  |
| stamps (5.7.0) | tests/interop/canvas_test.ts                              |
| T1: integers  | wide | tests/interop/wire_test.ts                          |
`;

function passed(name: string, file: string): string {
  return `<testcase name="${name}" classname="./tests/interop/${file}" time="1"></testcase>`;
}

function failed(name: string, file: string): string {
  const failure = `<failure message="">no</failure>`;
  return passed(name, file).replace("></testcase>", `>${failure}</testcase>`);
}

Deno.test("celeryTable() shows for each stack whether all tests of a row passed", () => {
  const reports = new Map([
    [
      "interop",
      passed("c (c52)", "canvas_test.ts") + passed("c (c57)", "canvas_test.ts") +
      failed("c (c57) &gt; step", "canvas_test.ts") + failed("w (c52)", "wire_test.ts") +
      passed("w (c52)", "wire_test.ts"),
    ],
    ["interop-rabbitmq-4.3", passed("c (c57)", "canvas_test.ts")],
  ]);
  const [, ...rows] = celeryTable(document, reports).split("\n").map((row) => row.split(/ {2,}/));
  assertEquals(rows, [
    ["chain", "yes", "NO", "yes"],
    ["stamps (5.7.0)", "-", "NO", "yes"],
    ["T1: integers", "yes", "-", "-"],
  ]);
});
