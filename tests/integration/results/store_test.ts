import { assert, assertEquals, assertRejects } from "@std/assert";
import { v4, v7 } from "uuid";
import type { Database } from "../../../shared/database/database.ts";
import { isDataFault } from "../../../shared/database/sqlstate.ts";
import { DatabaseRefused, InvalidInput } from "../../../shared/errors.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { DjangoTables } from "../../../shared/results/django.ts";
import { NATIVE } from "../../../shared/results/native.sql.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import type { PendingTask, State } from "../../../shared/results/result.ts";
import type { Tables } from "../../../shared/results/statements.ts";
import { type Migrated, migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { entry, settlement } from "../../support/settlements.ts";

interface Fixture {
  readonly database: Database;
  readonly store: PostgresResultStore;
}

function submission(given: Partial<PendingTask> = {}): PendingTask {
  return {
    id: v7(),
    name: "add",
    queue: "celeriac.default",
    argsRepr: "()",
    kwargsRepr: "{'x': 1}",
    submittedAt: new Date(),
    ...given,
  };
}

const NODE = "worker@test";

const now = () => Date.now();

function near(time: Date | null | undefined, expected: number, withinMs = 10_000): boolean {
  return time instanceof Date && Math.abs(time.getTime() - expected) < withinMs;
}

const CASES: Record<string, (fixture: Fixture) => Promise<void>> = {
  async "annotate() adds to what is known of a run, and makes no record"({ store }) {
    const id = v7();
    const uncaught = [{ error: "Error: late\0", traceback: "at f", late: true }];
    await store.annotate(id, { uncaught });
    assertEquals(await store.find(id), undefined);
    await store.settle([settlement({ id, meta: { blocked: { seconds: 2, sure: true } } })]);
    const before = await store.find(id);
    await store.annotate(id, { uncaught });
    const { meta, updatedAt: _, ...after } = (await store.find(id))!;
    assertEquals(meta?.blocked, { seconds: 2, sure: true });
    assertEquals(meta?.uncaught?.map(({ late }) => late), [true]);
    const { meta: __, updatedAt: ___, ...same } = before!;
    assertEquals(after, same);
    const plain = settlement({ id: v7() });
    await store.settle([plain]);
    await store.annotate(plain.id, { uncaught });
    assertEquals((await store.find(plain.id))?.meta?.uncaught?.length, 1);
  },

  async "settle() stores the lineage beside the details, and a later attempt keeps it"({ store }) {
    const lineage = { parent: v7(), root: v7(), trace: "4bf92f3577b34da6a3ce929d0e0e4736" };
    const task = settlement({ id: v7(), state: "RETRY", lineage });
    await store.settle([task]);
    const first = await store.find(task.id);
    assertEquals([first?.lineage, first?.meta], [lineage, null]);
    const meta = { blocked: { seconds: 2, sure: true } };
    const { parent: _, ...rest } = lineage;
    await store.settle([settlement({ id: task.id, retries: 1, meta, lineage: rest })]);
    const second = await store.find(task.id);
    assertEquals([second?.state, second?.lineage, second?.meta], ["SUCCESS", lineage, meta]);
    const plain = settlement({ id: v7(), state: "RETRY", lineage: { parent: "a" } });
    await store.settle([plain]);
    await store.settle([settlement({ id: plain.id, retries: 1 })]);
    assertEquals((await store.find(plain.id))?.lineage, { parent: "a" });
    assertEquals(await store.summaries([plain.id, v7()]), [
      { id: plain.id, name: "add", queue: "celeriac.default", state: "SUCCESS" },
    ]);
    assertEquals(await store.summaries([]), []);
  },

  async "submitted() writes PENDING records and leaves those that exist alone"({ store }) {
    const first = submission();
    await store.submitted([first, submission({ id: first.id, name: "twice in one batch" })]);
    await store.submitted([submission({ id: first.id, name: "again" })]);
    const record = await store.find(first.id);
    assertEquals(record, {
      ...first,
      state: "PENDING",
      worker: null,
      result: null,
      exception: null,
      traceback: null,
      meta: null,
      retries: 0,
      deliveries: 0,
      startedAt: null,
      finishedAt: null,
      updatedAt: record!.updatedAt,
    });

    const settled = settlement({ id: v7() });
    await store.settle([settled]);
    await store.submitted([submission({ id: settled.id, name: "late" })]);
    assertEquals((await store.find(settled.id))?.name, "add");
    await store.submitted([]);
  },

  async "settle() makes a record of a task that nobody submitted here"({ store }) {
    const id = v4();
    const startedAt = new Date(now() - 60_000);
    assertEquals(await store.settle([settlement({ id, startedAt })]), [true]);
    const record = await store.find(id);
    assertEquals(
      { ...record, startedAt: null, finishedAt: null, updatedAt: null },
      {
        id,
        name: "add",
        state: "SUCCESS",
        queue: "celeriac.default",
        worker: "celeriac@test-1",
        argsRepr: "()",
        kwargsRepr: "{'x': 1, 'y': 2}",
        result: "3",
        exception: null,
        traceback: null,
        meta: null,
        retries: 0,
        deliveries: 1,
        submittedAt: null,
        startedAt: null,
        finishedAt: null,
        updatedAt: null,
      },
    );
    assert(near(record?.startedAt, now() - 60_000));
    assert(near(record?.finishedAt, now()));
    assert(near(record?.updatedAt, now()));
  },

  async "settle() keeps what a task started"({ store }) {
    const id = v7();
    const children = [[["b", null], null], [["g", null], [[["c", null], null]]]] as const;
    await store.settle([settlement({ id, children })]);
    assertEquals((await store.find(id))?.children, children);
  },

  async "outcomes() and states() tell of many tasks at once"({ store }) {
    const [done, failed, absent] = [v7(), v4(), v7()];
    const exception = { exc_type: "E", exc_message: ["x"], exc_module: "m" };
    await store.settle([
      settlement({ id: done, result: "[1152921504606846976]" }),
      settlement({ id: failed, state: "FAILURE", result: null, exception }),
    ]);
    const outcomes = await store.outcomes([failed, absent, done]);
    assertEquals(Object.fromEntries(outcomes.map((outcome) => [outcome.id, outcome])), {
      [failed]: { id: failed, state: "FAILURE", result: null, exception },
      [done]: { id: done, state: "SUCCESS", result: "[1152921504606846976]", exception: null },
    });
    const states = await store.states([failed, absent, done]);
    assertEquals(Object.fromEntries(states), { [failed]: "FAILURE", [done]: "SUCCESS" });
  },

  async "reopen() makes failures PENDING, which can then be settled once more, and leaves all else alone"(
    { database, store },
  ) {
    const [failed, done, absent] = [submission(), v7(), v4()];
    const exception = { exc_type: "E", exc_message: ["x"], exc_module: "m" };
    await store.submitted([failed]);
    await store.settle([
      settlement({
        id: failed.id,
        state: "FAILURE",
        retries: 3,
        exception,
        traceback: "line 1",
        startedAt: new Date(),
      }),
      settlement({ id: done }),
    ]);
    await store.reopen([failed.id, done, absent].map((id) => ({ id, retries: 1 })), database);
    await store.reopen([], database);
    const record = await store.find(failed.id);
    assertEquals(record, {
      ...failed,
      name: "add",
      argsRepr: record!.argsRepr,
      kwargsRepr: record!.kwargsRepr,
      state: "PENDING",
      worker: null,
      result: null,
      exception: null,
      traceback: null,
      meta: null,
      retries: 1,
      deliveries: 0,
      startedAt: null,
      finishedAt: null,
      updatedAt: record!.updatedAt,
    });
    assertEquals((await store.find(done))?.state, "SUCCESS");
    assertEquals(await store.find(absent), undefined);
    assertEquals(await store.settle([settlement({ id: failed.id, retries: 1 })]), [true]);
    assertEquals((await store.find(failed.id))?.state, "SUCCESS");
  },

  async "settle() completes what was submitted"({ store }) {
    const submitted = submission();
    await store.submitted([submitted]);
    const failed = settlement({
      id: submitted.id,
      state: "FAILURE",
      argsRepr: null,
      kwargsRepr: null,
      exception: { exc_type: "ValueError", exc_message: ["no", 2], exc_module: "builtins" },
      traceback: "line 1\nline 2",
      meta: { violations: [{ violation: "read", what: "a file\0" }] },
    });
    await store.settle([failed]);
    const record = await store.find(submitted.id);
    assertEquals(record?.kwargsRepr, submitted.kwargsRepr);
    assertEquals(record?.submittedAt, submitted.submittedAt);
    assertEquals(record?.exception, failed.exception);
    assertEquals(record?.traceback, failed.traceback);
    assertEquals(record?.meta, { violations: [{ violation: "read", what: "a file\u{fffd}" }] });
    assertEquals(record?.state, "FAILURE");
  },

  async "settle() lets the first final state win"({ store }) {
    for (const first of ["SUCCESS", "FAILURE", "REVOKED"] as const) {
      const id = v7();
      await store.settle([settlement({ id, state: first })]);
      const before = await store.find(id);
      for (
        const later of ["SUCCESS", "FAILURE", "REVOKED", "RETRY", "STARTED", "PROGRESS"] as const
      ) {
        const other = settlement({ id, state: later, retries: 5, worker: "celeriac@other" });
        assertEquals(await store.settle([other]), [false]);
      }
      assertEquals(await store.find(id), before);
    }
  },

  async "settle() counts as taken what this worker wrote before, as it may ask again after a lost answer"(
    { store },
  ) {
    const done = settlement();
    const again = settlement({ state: "RETRY", retries: 1 });
    assertEquals(await store.settle([done, again]), [true, true]);
    assertEquals(await store.settle([done, again]), [true, true]);
    const other = { ...done, worker: "celeriac@other" };
    assertEquals(await store.settle([other, settlement()]), [false, true]);
  },

  async "settle() does not count as taken what another run in this worker wrote before"(
    { store },
  ) {
    const done = settlement({ result: '"first"' });
    const exception = { exc_type: "First", exc_message: ["\0, \ud800"], exc_module: "celeriac" };
    const failed = settlement({ state: "FAILURE", exception });
    assertEquals(await store.settle([done, failed]), [true, true]);
    assertEquals(await store.settle([done, failed]), [true, true]);
    const others = [
      { ...done, result: '"second"' },
      { ...failed, exception: { ...exception, exc_type: "Second" } },
    ];
    assertEquals(await store.settle(others), [false, false]);
    assertEquals((await store.find(done.id))?.result, '"first"');
  },

  async "settle() never goes back to an earlier attempt, nor within one"({ store }) {
    const id = v7();
    const states: [State, number, boolean][] = [
      ["STARTED", 0, true],
      ["PROGRESS", 0, true],
      ["PROGRESS", 0, true],
      ["RETRY", 1, true],
      ["STARTED", 0, false],
      ["PROGRESS", 0, false],
      ["STARTED", 1, true],
      ["RETRY", 1, false],
      ["PROGRESS", 1, true],
      ["STARTED", 1, true],
      ["RETRY", 2, true],
      ["SUCCESS", 1, true],
    ];
    for (const [index, [state, retries, taken]] of states.entries()) {
      if (state === "PENDING") continue;
      const step = settlement({ id, state, retries, worker: `celeriac@${index}` });
      assertEquals(await store.settle([step]), [taken], `${state} ${retries}`);
    }
    const record = await store.find(id);
    assertEquals([record?.state, record?.retries], ["SUCCESS", 2]);
  },

  async "settle() takes several settlements of one task in one batch, in their order"({ store }) {
    const id = v7();
    const other = v7();
    const taken = await store.settle([
      settlement({ id, state: "STARTED", startedAt: new Date() }),
      settlement({ id: other }),
      settlement({ id, state: "RETRY", retries: 1, next: entry(id, { retries: 1 }) }),
      settlement({ id, state: "STARTED", retries: 1 }),
      settlement({ id, retries: 1, result: '"kept"' }),
      settlement({ id, state: "PROGRESS", retries: 1, worker: "celeriac@late" }),
      settlement({ id, state: "FAILURE", retries: 1 }),
    ]);
    assertEquals(taken, [true, true, true, true, true, false, false]);
    assertEquals((await store.find(id))?.result, '"kept"');
  },

  async "settle() puts the next attempt into the outbox if its state was taken, and once"(
    { store, database },
  ) {
    const id = v7();
    const retry = settlement({ id, state: "RETRY", retries: 0, next: entry(id, { retries: 1 }) });
    await store.settle([retry]);
    assertEquals((await store.find(id))?.retries, 1);
    await store.settle([retry]);
    const final = settlement({ id: v7() });
    await store.settle([final]);
    await store.settle([{
      ...retry,
      id: final.id,
      worker: "late",
      next: entry(final.id, { retries: 1 }),
    }]);
    const rows = await database.query<{ task_id: string; retries: number }>(
      "select task_id, retries from celeriac.outbox where task_id = any($1::text[])",
      [[id, final.id]],
    );
    assertEquals(rows, [{ task_id: id, retries: 1 }]);
    await database.query("delete from celeriac.outbox where task_id = $1", [id]);
  },

  async "settle() keeps results to the letter and sanitises the rest"({ store }) {
    const results = [
      "123456789012345678901234567890",
      '{"b": 1.10, "a": [null, "\\u0000", "\\ud800"]}',
      '"🥕 \\\\ \\""',
      `"${"x".repeat(100_000)}"`,
    ];
    const kept = results.map((result) => settlement({ result }));
    const dirty = settlement({
      name: "a\0b",
      worker: "w\ud800",
      argsRepr: "\0",
      kwargsRepr: "'\udc00'",
      state: "FAILURE",
      exception: { exc_type: "E", exc_message: ["\0\ud800"], exc_module: "m" },
      traceback: "at \0 line \ud800",
    });
    assertEquals(await store.settle([...kept, dirty]), [true, true, true, true, true]);
    for (const { id, result } of kept) assertEquals((await store.find(id))?.result, result);
    const record = await store.find(dirty.id);
    assertEquals(record?.name, "a\u{fffd}b");
    assertEquals(record?.traceback, "at \u{fffd} line \u{fffd}");
    assertEquals(record?.exception, dirty.exception);
  },

  async "settle() stores none of a batch in which one cannot be stored, and says that the data is at fault"(
    { store },
  ) {
    const good = settlement();
    for (
      const bad of [
        settlement({ result: "{not json" }),
        settlement({ id: Array.from({ length: 200 }, () => v4()).join("") }),
        settlement({ retries: 3_000_000_000 }),
      ]
    ) {
      const error = await assertRejects(() => store.settle([good, bad]), DatabaseRefused);
      assert(isDataFault(error), `${error.code} ${error.message.slice(0, 200)}`);
      assertEquals(await store.find(good.id), undefined);
    }
    assertEquals(await store.settle([good]), [true]);
  },

  async "claim() tells what is known, in the order of the deliveries"({ store }) {
    const pending = submission();
    await store.submitted([pending]);
    const retried = settlement({ id: v4(), state: "RETRY", retries: 2 });
    const done = settlement({ id: v7() });
    await store.settle([retried, done]);
    const deliveries = [v7(), done.id, pending.id, retried.id, done.id].map((id) => ({
      id,
      round: 0,
      redelivered: false,
    }));
    assertEquals(await store.claim(deliveries, NODE), [
      undefined,
      { state: "SUCCESS", retries: 0, deliveries: 1 },
      { state: "PENDING", retries: 0, deliveries: 1 },
      { state: "RETRY", retries: 2, deliveries: 1 },
      { state: "SUCCESS", retries: 0, deliveries: 1 },
    ]);
  },

  async "claim() counts hand-outs of what is handed out again, also of what has no record, not of what is final"(
    { store },
  ) {
    const pending = submission();
    await store.submitted([pending]);
    const done = settlement();
    await store.settle([done]);
    const unknown = v4();
    const fresh = v4();
    const deliveries = [
      { id: pending.id, round: 0, redelivered: true },
      { id: unknown, round: 0, redelivered: true },
      { id: unknown, round: 0, redelivered: true },
      { id: done.id, round: 0, redelivered: true },
      { id: fresh, round: 0, redelivered: false },
    ];
    const counted = (n: number) => [
      { state: "PENDING", retries: 0, deliveries: n },
      { state: "PENDING", retries: 0, deliveries: n },
      { state: "PENDING", retries: 0, deliveries: n },
      { state: "SUCCESS", retries: 0, deliveries: 1 },
      undefined,
    ];
    assertEquals(await store.claim(deliveries, NODE), counted(2) as never);
    assertEquals(await store.claim(deliveries, NODE), counted(3) as never);
    assertEquals((await store.find(unknown))?.name, null);

    // Each attempt is a message of its own: its crashes are counted from the start.
    await store.settle([settlement({ id: unknown, state: "RETRY", retries: 1 })]);
    assertEquals(
      (await store.claim([{ id: unknown, round: 0, redelivered: false }], NODE))[0]?.deliveries,
      1,
    );
    assertEquals(
      (await store.claim([{ id: unknown, round: 0, redelivered: true }], NODE))[0]?.deliveries,
      2,
    );
    await store.settle([settlement({ id: unknown, retries: 1 })]);
    assertEquals((await store.find(unknown))?.deliveries, 2);
  },

  async "claim() holds a task for one live worker, and for the next when its lease has ended"(
    { database, store },
  ) {
    const claim = (node: string, id: string, round = 0) =>
      store.claim([{ id, round, redelivered: false }], node).then(([claim]) => claim);
    const renew = (node: string, seconds: number) =>
      database.query("select celeriac.renew_worker($1, $2)", [node, seconds]);
    const id = v7();
    await renew("one@test", 60);
    await renew("two@test", 60);
    assertEquals(await claim("one@test", id), undefined);
    assertEquals(await claim("one@test", id), undefined);
    const refused = await claim("two@test", id);
    assertEquals(refused?.state, "PENDING");
    const seconds = refused?.heldSeconds ?? 0;
    assert(seconds > 30 && seconds <= 60, `${seconds}`);

    // The next attempt is there because the one before has ended.
    assertEquals(await claim("two@test", id, 1), undefined);
    assert((await claim("one@test", id, 0))?.heldSeconds, "a copy of the attempt before");
    await renew("two@test", -1);
    assertEquals(await claim("one@test", id, 1), undefined);

    // One whose own lease has lapsed cannot tell who else would have renewed.
    await renew("two@test", 60);
    await renew("one@test", -1);
    assert((await claim("two@test", id, 1))?.heldSeconds, "taken over too early");
    await database.query(
      "update celeriac.worker set waits_until = '-infinity' where node = 'two@test'",
    );
    assertEquals(await claim("two@test", id, 1), undefined);
  },

  async "claim() holds no task whose id fits into no index"({ store }) {
    const id = Array.from({ length: 200 }, () => v4()).join("");
    assertEquals(await store.claim([{ id, round: 0, redelivered: false }], NODE), [
      undefined,
    ]);
  },

  async "revoke() revokes what waits, creates what is unknown, and leaves the rest"({ store }) {
    const unknown = v7();
    assertEquals(await store.revoke(unknown, "revoked"), { revoked: true, state: null });
    assertEquals(await store.revoke(unknown, "again"), { revoked: false, state: "REVOKED" });
    const record = await store.find(unknown);
    assertEquals(record?.exception, {
      exc_type: "TaskRevokedError",
      exc_message: ["revoked"],
      exc_module: "celery.exceptions",
    });
    assert(near(record?.finishedAt, now()));
    const pending = submission();
    await store.submitted([pending]);
    assertEquals(await store.revoke(pending.id, "revoked"), { revoked: true, state: "PENDING" });
    for (
      const [state, revoked] of [
        ["RETRY", true],
        ["STARTED", false],
        ["PROGRESS", false],
        ["SUCCESS", false],
        ["FAILURE", false],
      ] as const
    ) {
      const task = settlement({ state });
      await store.settle([task]);
      assertEquals(await store.revoke(task.id, "revoked"), { revoked, state });
      assertEquals((await store.find(task.id))?.state, revoked ? "REVOKED" : state);
    }
  },

  async "revoke() makes due what waits in the outbox, so that it leaves it"({ store, database }) {
    const [wanted, unwanted] = [v7(), v7()];
    const dueAt = new Date(Date.now() + 3_600_000);
    const outbox = new Outbox({ database });
    await outbox.add([wanted, unwanted].map((id) => entry(id, { dueAt })));
    await store.revoke(unwanted, "revoked");
    const rows = await database.query<{ id: string; due: boolean }>(
      "select task_id as id, due_at <= now() as due from celeriac.outbox where task_id = any($1)",
      [[wanted, unwanted]],
    );
    assertEquals(Object.fromEntries(rows.map(({ id, due }) => [id, due])), {
      [wanted]: false,
      [unwanted]: true,
    });
  },

  async "find() knows when an id of ours was made, and nothing of others"({ store }) {
    const id = v7();
    await store.settle([settlement({ id })]);
    assert(near((await store.find(id))?.submittedAt, now()));
    for (
      const unknown of [v7(), "", "a\0b", "'; drop table celeriac.task; --", "x".repeat(10_000)]
    ) {
      assertEquals(await store.find(unknown), undefined);
    }
  },

  async "list() refuses a cursor that is not one of ours, a state that is none, a limit without sense"(
    { store },
  ) {
    for (
      const cursor of [
        "",
        "x",
        "%",
        btoa("2026-11-23T18:30:00.000000Z"),
        btoa("|"),
        btoa("yesterday|id"),
      ]
    ) {
      await assertRejects(() => store.list({}, { limit: 10, cursor }), InvalidInput, "cursor");
    }
    for (const limit of [0, 1001, 1.5, NaN]) {
      await assertRejects(() => store.list({}, { limit }), InvalidInput);
    }
    await assertRejects(() => store.list({ state: "DONE'" as State }, { limit: 1 }), InvalidInput);
  },
};

/** As django-celery-results 2.4 leaves its table, with the shorter ids that its setting allows. */
const OLD_DJANGO = `
  alter table django_celery_results_taskresult drop column date_started;
  alter table django_celery_results_taskresult alter task_id type varchar(191), alter task_name type varchar(191)`;

const native = () => NATIVE;
const django = () => new DjangoTables();

for (
  const [name, tables, open] of [
    ["Postgres", native, () => migratedPostgres()],
    ["PGlite", native, () => migratedPglite()],
    ["Postgres with Django's tables", django, () => migratedPostgres({ django: true })],
    ["PGlite with Django's tables", django, () => migratedPglite({ django: true })],
    [
      "Postgres with Django's tables of an older release",
      django,
      () => migratedPostgres({ django: true, script: OLD_DJANGO }),
    ],
  ] as [string, () => Tables, () => Promise<Migrated<Database>>][]
) {
  Deno.test(`PostgresResultStore on ${name}`, async (test) => {
    await using fixture = await open();
    const { database } = fixture;
    const store = new PostgresResultStore({ database, tables: tables() });
    for (const [title, run] of Object.entries(CASES)) {
      await test.step(title, () => run({ database, store }));
    }
  });
}

// Not on PGlite: its engine hangs on such depth. What a handler returns is never that deep: shared/celery/python_json.ts refuses it.
Deno.test("PostgresResultStore.settle() reports invalid data when a result is nested too deeply", async () => {
  await using fixture = await migratedPostgres();
  const store = new PostgresResultStore(fixture);
  const deep = settlement({ result: "[".repeat(50_000) + "]".repeat(50_000) });
  const error = await assertRejects(() => store.settle([deep]), DatabaseRefused);
  assert(isDataFault(error));
});
