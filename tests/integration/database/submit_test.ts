import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { DatabaseRefused } from "../../../shared/errors.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { RouteSync } from "../../../shared/outbox/route_sync.ts";
import { handle } from "../../../workers/mod.ts";
import { databaseUsers } from "../../support/database_users.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";
import { migratedPostgres } from "../../support/migrated.ts";
import { run } from "../../support/process.ts";
import { migrate } from "../../support/roles.ts";

const echo = defineTask({
  name: "echo",
  input: z.object({ first: z.unknown(), second: z.unknown() }),
});
const echoHandler = handle(echo, (input) => input);

Deno.test("celeriac.submit() sends a task if and only if its transaction commits", async () => {
  await using fixture = await startWorkerFixture([echoHandler]);
  const { database, store } = fixture;
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
  const { state, result, submittedAt, argsRepr } = await fixture.final(id);
  assertEquals([state, argsRepr], ["SUCCESS", "[12345678901234567890]"]);
  assertStringIncludes(result!, "12345678901234567890");
  assertEquals(JSON.parse(result!).second, { text: "ü\0😀" });
  assertEquals(Math.abs(Date.now() - submittedAt!.getTime()) < 600_000, true);
  assertEquals(await store.find(undone[0]!), undefined);
  assertEquals((await fixture.outbox.depth()).total, 0);
});

Deno.test("celeriac.submit() sends one task per id when it is due, and reports errors", async () => {
  await using fixture = await startWorkerFixture([echoHandler]);
  const { database } = fixture;
  const later = "select celeriac.submit('echo', due_at => now() + interval '1 hour', id => 'mine')";
  assertEquals(await database.query(later), [{ submit: "mine" }]);
  assertEquals(await database.query(later), [{ submit: "mine" }]);
  assertEquals(await fixture.outbox.depth(), { total: 1, due: 0, lag: 0 });
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

Deno.test("celeriac.submit() defaults to the queue of the contract", async () => {
  const report = defineTask({ name: "report", queue: "celeriac.reports", input: z.object({}) });
  await using fixture = await startWorkerFixture([handle(report, () => null)]);
  const { database } = fixture;
  const routes = () => database.query("select task, queue from celeriac.route order by task");
  const sentTo = async (values: string) => {
    const [row] = await database.query<{ id: string }>(
      `select celeriac.submit(${values}, due_at => now() + interval '1 hour') as id`,
    );
    const [sent] = await database.query(
      "select queue, routing_key from celeriac.outbox join celeriac.task on task.id = task_id where task.id = $1",
      [row!.id],
    );
    return sent;
  };
  const both = (queue: string) => ({ queue, routing_key: queue });
  await new RouteSync({ database, registry: new Registry([report]) }).run();
  const [row] = await database.query<{ id: string }>("select celeriac.submit('report') as id");
  assertEquals((await fixture.final(row!.id)).state, "SUCCESS");
  const named: [string, string][] = [
    ["'report', queue => null", "celeriac.reports"],
    ["'report', queue => 'celeriac.default'", "celeriac.default"],
    ["'report', queue => 'celery'", "celery"],
    ["'unknown'", "celeriac.default"],
    ["'unknown', queue => null", "celeriac.default"],
  ];
  for (const [values, queue] of named) assertEquals(await sentTo(values), both(queue), values);

  const moved = defineTask({ name: "report", queue: "celeriac.moved", input: z.object({}) });
  await new RouteSync({ database, registry: new Registry([echo, moved]) }).run();
  assertEquals(await sentTo("'report'"), both("celeriac.moved"));
  await new RouteSync({ database, registry: new Registry([echo]) }).run();
  assertEquals(await routes(), [
    { task: "echo", queue: "celeriac.default" },
    { task: "report", queue: "celeriac.moved" },
  ]);
});

Deno.test("RouteSync writes at start and at each interval, even if the database is unavailable at first", async () => {
  await using fixture = await migratedPostgres();
  await using own = new PostgresDatabase({ url: fixture.url });
  await using sync = new RouteSync({ database: own, registry: new Registry([echo]), every: 0.02 });
  await sync.start();
  await own.start();
  for (let round = 0; round < 2; round++) {
    await fixture.database.query("delete from celeriac.route");
    await eventually(
      "the route",
      async () => (await fixture.database.query("select from celeriac.route")).length > 0,
    );
  }
  await sync.stop();
  await sync.stop();
});

Deno.test("celeriac.submit() can be called from psql by a user without other permissions", async () => {
  await using owned = await databaseUsers();
  await migrate(owned.url("migrate"));
  await using submitter = new PostgresDatabase({ url: owned.url("submit") });
  await submitter.start();
  const rows = await submitter.transaction((sql) =>
    sql.query("select celeriac.submit('shop.invoice', '{\"n\": 1}')")
  );
  assertEquals(rows.length, 1);
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
      "select * from celeriac.route",
      "insert into celeriac.route (task, queue) values ('x', 'celeriac.x')",
      "insert into celeriac.outbox (task_id) values ('x')",
      "select celeriac.tasks('{}')",
      "select celeriac.revoke('x', '{}')",
    ]
  ) {
    const error = await assertRejects(() => submitter.query(statement), DatabaseRefused);
    assertEquals(error.code, "42501", statement);
  }
});
