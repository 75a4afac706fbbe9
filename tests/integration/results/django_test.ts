/** Django's tables as Django and Python workers leave them: what both stores share is in store_test.ts. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { v7 } from "uuid";
import { makeDjangoTables } from "../../../shared/database/django.ts";
import { pending } from "../../../shared/database/migrate.ts";
import { DatabaseRefused } from "../../../shared/errors.ts";
import { resultStore } from "../../../shared/results/open_store.ts";
import type { RecordFilter } from "../../../shared/results/result.ts";
import { migratedPostgres } from "../../support/migrated.ts";
import { settlement } from "../../support/settlements.ts";

/** `$1`: rows as a Python worker writes them, JSON. */
const WRITE = `
  insert into django_celery_results_taskresult (
    task_id, status, content_type, content_encoding, result, meta, traceback, task_name, task_args, task_kwargs,
    worker, date_created, date_done, date_started
  )
  select task_id, status, coalesce(content_type, 'application/json'), coalesce(content_encoding, 'utf-8'), result,
    meta, traceback, task_name, task_args, task_kwargs, worker, coalesce(date_created, now()), now(), date_started
  from json_populate_recordset(null::django_celery_results_taskresult, $1::text::json)`;

const READ = `
  select task_id, status, content_type, content_encoding, result, meta::json as meta, traceback, task_name, task_args,
    task_kwargs, worker, periodic_task_name, date_started is not null as started
  from django_celery_results_taskresult where task_id = $1`;

Deno.test("DjangoTables: columns equal those of a Python worker", async () => {
  await using fixture = await migratedPostgres({ django: true });
  const { database } = fixture;
  const store = resultStore("django", database);
  const row = async (id: string) => (await database.query(READ, [id]))[0];
  const common = {
    content_type: "application/json",
    content_encoding: "utf-8",
    traceback: null,
    task_name: "add",
    task_args: '"()"',
    task_kwargs: `"{'x': 1, 'y': 2}"`,
    worker: "celeriac@test-1",
    periodic_task_name: null,
    started: false,
  };
  const kept = { queue: "celeriac.default", retries: 0, deliveries: 1 };
  const meta = { children: [], celeriac: kept };

  const id = v7();
  await store.settle([settlement({ id, state: "STARTED", startedAt: new Date() })]);
  const { meta: _, ...started } = await row(id) as { meta: unknown };
  assertEquals(started, {
    ...common,
    task_id: id,
    status: "STARTED",
    result: `{"pid" : ${Deno.pid}, "hostname" : "celeriac@test-1"}`,
    started: true,
  });
  assertEquals((await store.find(id))?.result, null);
  await store.settle([settlement({ id, state: "PROGRESS", result: '{"done": 1}' })]);
  assertEquals((await store.find(id))?.result, '{"done": 1}');
  await store.settle([settlement({ id, result: "null", periodicTaskName: "nightly" })]);
  const { meta: __, ...done } = await row(id) as { meta: unknown };
  assertEquals(done, {
    ...common,
    task_id: id,
    status: "SUCCESS",
    result: "null",
    periodic_task_name: "nightly",
    started: true,
  });

  const exception = { exc_type: "ValueError", exc_message: ["no"], exc_module: "builtins" };
  const failed = settlement({
    state: "FAILURE",
    exception,
    traceback: "at x",
    name: "n".repeat(300),
  });
  const unexplained = settlement({ state: "FAILURE" });
  const again = settlement({ state: "RETRY", retries: 1 });
  await store.settle([failed, unexplained, again]);
  assertEquals(await row(failed.id), {
    ...common,
    task_id: failed.id,
    status: "FAILURE",
    result: JSON.stringify(exception),
    traceback: "at x",
    task_name: "n".repeat(255),
    meta,
  });
  // AsyncResult cannot be read at all where a failure holds no exception, but may be where a retry holds none.
  const results = await Promise.all([unexplained, again].map(async (one) => {
    return ((await row(one.id)) as { result: string }).result;
  }));
  assertMatch(results[0]!, /"exc_type": "Exception"/);
  assertEquals(results[1], "null");
  await store.revoke(again.id, "revoked");
  assertEquals((await store.find(again.id))?.exception?.exc_type, "TaskRevokedError");
});

Deno.test("DjangoTables: rows of Python workers are records like ours", async () => {
  await using fixture = await migratedPostgres({ django: true });
  const { database } = fixture;
  const store = resultStore("django", database);
  const exception = { exc_type: "E", exc_message: "alone", exc_module: "m" };
  const rows = [
    {
      task_id: "done",
      status: "SUCCESS",
      result: "[NaN, 1]",
      meta: '{"children": []}',
      task_name: "shop.tasks.bill",
      task_args: '"(2, 2)"',
      task_kwargs: "{}",
      worker: "celery@shop",
      date_started: "2026-01-02T03:04:05Z",
    },
    { task_id: "bare", status: "SUCCESS", result: null, meta: null },
    { task_id: "odd meta", status: "STARTED", result: '{"pid": 1}', meta: "[broken" },
    { task_id: "own state", status: "UPLOADING", result: '{"percent": 5}' },
    { task_id: "received", status: "RECEIVED" },
    { task_id: "failed", status: "FAILURE", result: JSON.stringify(exception), traceback: "at y" },
    {
      task_id: "pickled",
      status: "SUCCESS",
      content_type: "application/x-python-serialize",
      content_encoding: "binary",
      result: "gASVBAAAAAAAAABLBC4=",
      meta: "gAR9lC4=",
    },
  ];
  await database.query(WRITE, [JSON.stringify(rows)]);
  const shown = async (id: string) => {
    const { state, result, exception } = (await store.find(id))!;
    return { state, result, exception };
  };
  const done = await store.find("done");
  assertEquals([done?.name, done?.argsRepr, done?.kwargsRepr, done?.result, done?.worker], [
    "shop.tasks.bill",
    "(2, 2)",
    "{}",
    "[NaN, 1]",
    "celery@shop",
  ]);
  assertEquals(done?.startedAt, new Date("2026-01-02T03:04:05Z"));
  assertEquals(await shown("bare"), { state: "SUCCESS", result: null, exception: null });
  assertEquals(await shown("odd meta"), { state: "STARTED", result: null, exception: null });
  assertEquals(await shown("own state"), {
    state: "PROGRESS",
    result: '{"percent": 5}',
    exception: null,
  });
  assertEquals((await shown("received")).state, "PENDING");
  assertEquals((await shown("failed")).exception, { ...exception, exc_message: ["alone"] });
  const pickled = await store.find("pickled");
  assertEquals([pickled?.state, pickled?.result], ["SUCCESS", null]);
  assertMatch(pickled?.traceback ?? "", /set CELERY_RESULT_SERIALIZER to 'json'/);

  // What Python finished stays as it is; what it only began goes on here.
  const late = ["done", "odd meta", "received"].map((id) => settlement({ id, result: '"ours"' }));
  assertEquals(await store.settle(late), [false, true, true]);
  assertEquals((await store.find("odd meta"))?.result, '"ours"');
});

Deno.test("DjangoTables: list() returns each record once, newest first, and filters", async () => {
  await using fixture = await migratedPostgres({ django: true });
  const { database } = fixture;
  const store = resultStore("django", database);
  const rows = Array.from({ length: 60 }, (_, n) => ({
    task_id: `id-${String(n).padStart(2, "0")}`,
    status: ["SUCCESS", "FAILURE", "RECEIVED", "UPLOADING"][n % 4],
    task_name: `task.${n % 3}`,
    worker: `w${n % 5}`,
    meta: JSON.stringify({ celeriac: { queue: `celeriac.q${n % 2}` } }),
    date_created: new Date(Date.UTC(2026, 0, 1, 0, 0, Math.floor(n / 5))).toISOString(),
  }));
  await database.query(WRITE, [JSON.stringify(rows)]);
  const all = async (filter: RecordFilter, limit: number) => {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.list(filter, cursor === undefined ? { limit } : { limit, cursor });
      ids.push(...page.records.map(({ id }) => id));
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return ids;
  };
  const expected = (fits: (n: number) => boolean) =>
    rows.map(({ task_id }) => task_id).filter((_, n) => fits(n)).reverse();
  const cases: [RecordFilter, (n: number) => boolean][] = [
    [{}, () => true],
    [{ state: "SUCCESS" }, (n) => n % 4 === 0],
    [{ state: "PENDING" }, (n) => n % 4 === 2],
    [{ state: "PROGRESS" }, (n) => n % 4 === 3],
    [{ state: "REVOKED" }, () => false],
    [{ states: ["PENDING", "PROGRESS"] }, (n) => n % 4 > 1],
    [{ states: ["SUCCESS", "PENDING"] }, (n) => n % 2 === 0],
    [
      { conditions: [{ field: "queue", patterns: ["*q1"], isNegated: true }] },
      (n) => n % 2 === 0,
    ],
    [
      { conditions: [{ field: "label", label: "a", patterns: ["*"], isNegated: true }] },
      () => true,
    ],
    [
      { conditions: [{ field: "submittedBy", patterns: ["*"], isNegated: false }] },
      () => false,
    ],
    [
      {
        name: "task.1",
        conditions: [{ field: "text", patterns: ["TASK", "id-00"], isNegated: false }],
      },
      (n) => n % 3 === 1,
    ],
    [{ name: "task.1", worker: "w4" }, (n) => n % 3 === 1 && n % 5 === 4],
    [
      { queue: "celeriac.q1", since: new Date(Date.UTC(2026, 0, 1, 0, 0, 6)) },
      (n) => n % 2 === 1 && n >= 30,
    ],
  ];
  for (const [filter, fits] of cases) {
    for (const limit of [7, 1000]) {
      assertEquals(await all(filter, limit), expected(fits), JSON.stringify(filter));
    }
  }
});

Deno.test("makeDjangoTables() makes them once; without them the database is not ready", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  const store = resultStore("django", database);
  assertEquals(await pending(database), []);
  assertEquals(await pending(database, { results: "django" }), ["django_celery_results"]);
  const refused = await assertRejects(() => store.settle([settlement()]), DatabaseRefused);
  assertEquals(refused.code, "42P01");
  const both = await Promise.all([makeDjangoTables(database), makeDjangoTables(database)]);
  assertEquals(both.map(({ made }) => made).sort(), [false, true]);
  assertEquals(await pending(database, { results: "django" }), []);
  assert((await store.settle([settlement()]))[0], "it is found without a restart");
});
