import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import pg from "pg";
import { defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/mod.ts";
import { databaseUsers } from "../../support/database_users.ts";
import { house } from "../../support/house.ts";
import { run } from "../../support/process.ts";
import { migrate } from "../../support/roles.ts";

const echo = defineTask({
  name: "echo",
  input: z.object({ first: z.unknown(), second: z.unknown() }),
});
const echoHandler = handle(echo, (input) => input);

async function connected(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

Deno.test("celeriac.submit() sends a task if and only if its transaction commits", async () => {
  await using home = await house([echoHandler]);
  const { database, store } = home;
  const submit = "select celeriac.submit('echo', $1::text::json, $2::text::json) as id";
  const undone: string[] = [];
  await assertRejects(() =>
    database.transaction(async (sql) => {
      const [row] = await sql.query<{ id: string }>(submit, ['{"second": 1}', "[0]"]);
      undone.push(row!.id);
      throw new Error("changed my mind");
    })
  );
  const id = await database.transaction(async (sql) => {
    await sql.query("create table own (n integer)");
    await sql.query("insert into own values (1)");
    const [row] = await sql.query<{ id: string }>(submit, [
      '{"second": {"text": "ü\\u0000\\ud83d\\ude00"}}',
      "[12345678901234567890]",
    ]);
    return row!.id;
  });
  assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const { state, result, submittedAt, argsRepr } = await home.final(id);
  assertEquals([state, argsRepr], ["SUCCESS", "[12345678901234567890]"]);
  assertStringIncludes(result!, "12345678901234567890");
  assertEquals(JSON.parse(result!).second, { text: "ü\0😀" });
  assertEquals(Math.abs(Date.now() - submittedAt!.getTime()) < 600_000, true);
  assertEquals(await store.find(undone[0]!), undefined);
  assertEquals((await home.outbox.depth()).total, 0);
});

Deno.test("celeriac.submit() sends one task for an id, when it is due, and names what is wrong", async () => {
  await using home = await house([echoHandler]);
  const { database } = home;
  const later = "select celeriac.submit('echo', due_at => now() + interval '1 hour', id => 'mine')";
  assertEquals(await database.query(later), [{ submit: "mine" }]);
  assertEquals(await database.query(later), [{ submit: "mine" }]);
  assertEquals(await home.outbox.depth(), { total: 1, due: 0, lag: 0 });
  const wrong: [string, string][] = [
    ["celeriac.submit(null)", "Cannot submit task null as task must be a name"],
    ["celeriac.submit('echo', '[]')", "kwargs must be a JSON object"],
    ["celeriac.submit('echo', '{}', '{}')", "args must be a JSON array"],
    ["celeriac.submit('echo', queue => 'celeriac.dead')", "queue must be 'celeriac.' and a name"],
    ["celeriac.submit('echo', queue => 'celeriac.a b')", "queue must be 'celeriac.' and a name"],
    ["celeriac.submit('echo', id => '')", "id must be a text of 1 to 255 bytes"],
    ["celeriac.submit('echo', id => repeat('é', 200))", "id must be a text of 1 to 255 bytes"],
    [
      "celeriac.submit('echo', queue => repeat('é', 200))",
      "queue must be a name of 1 to 255 bytes",
    ],
  ];
  for (const [call, message] of wrong) {
    const error = await assertRejects(() => database.query(`select ${call}`), Error);
    assertStringIncludes(error.message, message);
  }
});

Deno.test("celeriac.submit() can be called by a user who can do nothing else, from psql", async () => {
  await using owned = await databaseUsers();
  await migrate(owned.url("migrate"));
  await using submitter = await connected(owned.url("submit"));
  await submitter.query("begin");
  const { rows } = await submitter.query("select celeriac.submit('shop.invoice', '{\"n\": 1}')");
  assertEquals(rows.length, 1);
  await submitter.query("commit");
  const printed = await run("psql", [
    "--no-psqlrc",
    "--tuples-only",
    "--no-align",
    "--command",
    `select celeriac.submit('shop.invoice', '{"number": 7}', queue => 'celery', id => 'invoice-7')`,
    owned.url("submit"),
  ], {});
  assertEquals(printed.trim(), "invoice-7");
  for (
    const statement of [
      "select * from celeriac.task",
      "select * from celeriac.outbox",
      "insert into celeriac.outbox (task_id) values ('x')",
      "select celeriac.tasks('{}')",
      "select celeriac.revoke('x', '{}')",
    ]
  ) {
    const error = await assertRejects(() => submitter.query(statement), pg.DatabaseError);
    assertEquals(error.code, "42501", statement);
  }
});
