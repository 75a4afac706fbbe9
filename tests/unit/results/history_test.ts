import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { InvalidInput } from "../../../shared/errors.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { resultStore } from "../../../shared/results/open_store.ts";
import { listingOf } from "../../../shared/results/listing.sql.ts";
import { migratedPglite } from "../../support/migrated.ts";
import { settlement, submission } from "../../support/settlements.ts";

const exception = (message: unknown) => ({
  exc_type: "ValueError",
  exc_message: [message],
  exc_module: "builtins",
});

const retry = (id: string, retries: number, message: unknown = `failure ${retries}`) =>
  settlement({
    id,
    state: "RETRY",
    retries,
    worker: `celery@w${retries}`,
    result: null,
    exception: exception(message),
    startedAt: new Date(Date.now() - 2000),
  });

Deno.test("listingOf() refuses labels for tables without them", () => {
  const { listing } = listingOf({
    source: "t",
    stateColumn: "state",
    records: (ids) => ids,
    inState: (state) => state,
  });
  const filter = { label: { name: "a", value: "b" } };
  const section = { filter, window: 1, limit: 1, after: undefined, results: false };
  assertThrows(() => listing(section), InvalidInput, "Django's tables have no labels");
});

Deno.test("Django's tables have neither history, labels nor submitters, and can be listed", async () => {
  await using owned = await migratedPglite({ django: true });
  const store = resultStore("django", owned.database);
  await store.submitted([submission({ id: "a", labels: { order: "7" }, submittedBy: "key:a" })]);
  await store.settle([{ ...retry("a", 1), labels: { order: "7" }, submittedBy: "key:a" }]);
  const { records: [record] } = await store.list({ name: "add" }, { limit: 5 });
  assertEquals([record?.id, record?.state, record?.retries], ["a", "RETRY", 1]);
  assertEquals([record?.history, record?.labels, record?.submittedBy], [
    undefined,
    undefined,
    undefined,
  ]);
  const label = { name: "order", value: "7" };
  await assertRejects(() => store.list({ label }, { limit: 5 }), InvalidInput, "no labels");
});

Deno.test("history of attempts, labels and submitters in a database", async (t) => {
  await using owned = await migratedPglite();
  const { database } = owned;
  const store = new PostgresResultStore({ database });

  await t.step("a record has each attempt that was retried, oldest first", async () => {
    for (const retries of [1, 2, 3]) await store.settle([retry("a", retries)]);
    await store.settle([settlement({ id: "a", state: "SUCCESS", retries: 3 })]);
    const record = await store.find("a");
    assertEquals(
      record?.history?.map(({ attempt, worker, error }) => [attempt, worker, error]),
      [1, 2, 3].map((n) => [n, `celery@w${n}`, { type: "ValueError", message: `failure ${n}` }]),
    );
    for (const { startedAt, finishedAt } of record!.history!) {
      const ms = finishedAt.getTime() - startedAt!.getTime();
      assert(ms > 1000 && ms < 60_000, `${ms}`);
    }
    const { records: [listed] } = await store.list({ name: record!.name! }, { limit: 5 });
    assertEquals(listed?.history?.length, 3);
  });

  await t.step("an attempt that is reported twice is in the history once", async () => {
    for (let times = 0; times < 3; times++) await store.settle([retry("b", 1)]);
    assertEquals((await store.find("b"))?.history?.length, 1);
  });

  await t.step("a task without retries has no history", async () => {
    await store.settle([
      settlement({ id: "c", state: "SUCCESS" }),
      settlement({ id: "d", state: "FAILURE", exception: exception("final") }),
    ]);
    for (const id of ["c", "d"]) assertEquals((await store.find(id))?.history, undefined);
    const [row] = await database.query<{ count: number }>(
      "select count(history)::integer as count from celeriac.task where id in ('c', 'd')",
    );
    assertEquals(row?.count, 0);
  });

  await t.step("messages are shortened, and any text can be stored", async () => {
    await store.settle([retry("e", 1, `\0\ud800${"x".repeat(5000)}`), retry("f", 1, { code: 7 })]);
    const [long] = (await store.find("e"))!.history!;
    assert(long!.error!.message.length <= 1000 && long!.error!.message.endsWith("xxx"));
    assertEquals((await store.find("f"))!.history![0]!.error!.message, '{"code":7}');
  });

  await t.step("the last 50 attempts are kept", async () => {
    for (let retries = 1; retries <= 55; retries++) await store.settle([retry("g", retries)]);
    const attempts = (await store.find("g"))!.history!.map(({ attempt }) => attempt);
    assertEquals([attempts.length, attempts[0], attempts.at(-1)], [50, 6, 55]);
  });

  await t.step("labels are stored at submission or by the worker, and found by value", async () => {
    const stored = { order: "7", tags: ["a", "b"] };
    await store.submitted([
      submission({ id: "l1", labels: stored }),
      submission({ id: "l2", labels: { order: "8" } }),
      submission({ id: "l3" }),
    ]);
    await store.settle([
      settlement({ id: "l1", labels: { order: "other" } }),
      settlement({ id: "l3", labels: { order: "7" } }),
      settlement({ id: "l4", state: "RETRY", retries: 1 }),
    ]);
    assertEquals((await store.find("l1"))?.labels, stored);
    assertEquals((await store.find("l4"))?.labels, undefined);
    const found = async (name: string, value: string) => {
      const { records } = await store.list({ label: { name, value } }, { limit: 10 });
      return records.map(({ id }) => id).sort();
    };
    assertEquals(await found("order", "7"), ["l1", "l3"]);
    assertEquals(await found("tags", "b"), ["l1"]);
    assertEquals(await found("tags", "c"), []);
    assertEquals(await found(`o'"rder`, `'"`), []);
  });

  await t.step(
    "the submitter comes from the submission or from the worker, whichever is first",
    async () => {
      await store.settle([settlement({ id: "s1", submittedBy: "key:a" })]);
      await store.submitted([
        submission({ id: "s1", submittedBy: "key:a" }),
        submission({ id: "s2", submittedBy: "key:b" }),
      ]);
      await store.settle([settlement({ id: "s2" }), settlement({ id: "s3" })]);
      const submitters = [];
      for (const id of ["s1", "s2", "s3"]) submitters.push((await store.find(id))?.submittedBy);
      assertEquals(submitters, ["key:a", "key:b", undefined]);
    },
  );
});
