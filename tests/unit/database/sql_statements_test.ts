import { assertEquals } from "@std/assert";
import { splitStatements } from "../../../shared/database/sql_statements.ts";

function texts(sql: string): string[] {
  return splitStatements(sql).map(({ text }) => text);
}

Deno.test("splitStatements() returns the line of each statement, without preceding comments", () => {
  assertEquals(
    splitStatements("\n-- first;\n/* a; /* b; */ */ select 1;\n\n;;  -- empty;\nselect\n2;\n"),
    [{ text: "select 1", line: 3 }, { text: "select\n2", line: 6 }],
  );
  assertEquals(splitStatements(" -- nothing\n"), []);
  assertEquals(splitStatements("select 1; /* no end ;"), [{ text: "select 1", line: 1 }]);
});

Deno.test("splitStatements() does not split in quotes", () => {
  const whole = [
    "select 'a;''b;'",
    String.raw`select 'c:\'`,
    String.raw`select e'it\'s; ', E'\\'`,
    `select 1 as "a;""b;"`,
    "do $$ begin perform 1; end $$",
    "do $body$ begin perform $$;$$; end $body$",
    "select $é$;$é$",
    "select '-- ;', '/* ;'",
    "select type'a;'",
    "select 'no end; select 2",
    "select $$ no end; select 2",
  ];
  for (const sql of whole) assertEquals(texts(sql), [sql]);
  assertEquals(texts(String.raw`select 'c:\'; select 2`), [String.raw`select 'c:\'`, "select 2"]);
  assertEquals(texts("select a$b$; select c$b$"), ["select a$b$", "select c$b$"]);
  assertEquals(texts("execute p($1); execute q($2)"), ["execute p($1)", "execute q($2)"]);
});

Deno.test("splitStatements() does not split in parentheses and function bodies", () => {
  const whole = [
    "create rule r as on insert to t do also (insert into a values (1); delete from b)",
    "create function f() returns int begin atomic select 1; select case when true then 2 end; end",
    "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC insert into t values (1); END",
  ];
  for (const sql of whole) assertEquals(texts(`${sql}; select 2`), [sql, "select 2"]);
  assertEquals(texts("begin; select 1; end"), ["begin", "select 1", "end"]);
  assertEquals(texts("create table begin_end (c int); select 1"), [
    "create table begin_end (c int)",
    "select 1",
  ]);
});
