import { assert, assertEquals } from "@std/assert";
import { DatabaseRefused, DatabaseUnavailable } from "../../../shared/errors.ts";
import { eventually } from "../../support/eventually.ts";
import type { PendingTask } from "../../../shared/results/result.ts";
import { newId } from "../../../shared/results/uuid_time.ts";
import { SubmissionWriter } from "../../../shared/results/submissions.ts";

function submission(id: string): PendingTask {
  return {
    id,
    name: "add",
    queue: "celeriac.default",
    argsRepr: "()",
    kwargsRepr: "{}",
    submittedAt: new Date(0),
  };
}

/** Keeps ids; fails as told. */
function keeping(fail: (ids: string[]) => Error | undefined = () => undefined) {
  const ids: string[] = [];
  return {
    ids,
    /** Ids of each question for records. */
    asked: [] as string[][],
    /** Ids that have a record. */
    settled: new Set<string>(),
    submitted(submissions: readonly PendingTask[]): Promise<number> {
      const given = submissions.map(({ id }) => id);
      const error = fail(given);
      if (error) return Promise.reject(error);
      const fresh = given.filter((id) => !this.settled.has(id));
      ids.push(...fresh);
      return Promise.resolve(fresh.length);
    },
    unrecorded(given: readonly string[]): Promise<string[]> {
      this.asked.push([...given]);
      return Promise.resolve(given.filter((id) => !this.settled.has(id)));
    },
  };
}

Deno.test("write() batches records into one statement, and stop() waits for it", async () => {
  const store = keeping();
  const writer = new SubmissionWriter({ store });
  for (const id of ["a", "b", "c"]) writer.write(submission(id));
  assertEquals(store.ids, []);
  await writer.stop();
  assertEquals(store.ids, ["a", "b", "c"]);
});

Deno.test("write() drops and counts records that are invalid, cannot be written in time, or exceed the limit", async () => {
  let dropped = 0;
  const count = (n: number) => dropped += n;
  const bad = keeping((ids) =>
    ids.includes("bad") ? new DatabaseRefused("too long", "54000") : undefined
  );
  const one = new SubmissionWriter({ store: bad, dropped: count });
  for (const id of ["a", "bad", "b"]) one.write(submission(id));
  await one.stop();
  assertEquals([bad.ids, dropped], [["a", "b"], 1]);

  const away = keeping(() => new DatabaseUnavailable("away"));
  const two = new SubmissionWriter({ store: away, attempts: 1, dropped: count });
  for (const id of ["a", "b"]) two.write(submission(id));
  await two.stop();
  assertEquals(dropped, 3);

  const full = keeping();
  const three = new SubmissionWriter({ store: full, limit: 2, dropped: count });
  for (const id of ["a", "b", "c"]) three.write(submission(id));
  await three.stop();
  assertEquals([full.ids, dropped], [["a", "b"], 4]);
});

Deno.test("write() retries a few times", async () => {
  let calls = 0;
  const stored = Promise.withResolvers<void>();
  const store = {
    submitted(): Promise<number> {
      if (++calls === 1) return Promise.reject(new DatabaseUnavailable("away"));
      stored.resolve();
      return Promise.resolve(1);
    },
    unrecorded: (ids: readonly string[]) => Promise.resolve([...ids]),
  };
  await using writer = new SubmissionWriter({ store, attempts: 2 });
  writer.write(submission("a"));
  await stored.promise;
});

/** A submission with an id that was made now. */
function fresh(): PendingTask {
  return { ...submission(newId(new Date())), submittedAt: new Date() };
}

Deno.test("hold() writes only the records of tasks that have none after a moment", async () => {
  const store = keeping();
  await using writer = new SubmissionWriter({ store, holdMs: 60 });
  const [settled, waiting] = [fresh(), fresh()];
  for (const task of [settled, waiting]) writer.hold(task);
  assertEquals(writer.find(waiting.id), waiting);
  store.settled.add(settled.id);
  await eventually("a record", () => store.ids.length > 0);
  await writer.stop();
  assertEquals([store.ids, store.asked], [[waiting.id], [[settled.id, waiting.id]]]);
  assertEquals(writer.find(waiting.id), undefined);
});

Deno.test("hold() writes at once what readers would not count as PENDING: other ids, and ids of earlier times", async () => {
  const store = keeping();
  await using writer = new SubmissionWriter({ store, holdMs: 60_000 });
  const old = { ...fresh(), submittedAt: new Date(Date.now() + 5000) };
  const held = fresh();
  for (const task of [submission("order-17"), old, held]) writer.hold(task);
  await eventually("two records", () => store.ids.length >= 2);
  assertEquals(store.ids, ["order-17", old.id]);
  await writer.stop();
  assertEquals(store.ids, ["order-17", old.id, held.id]);
});

Deno.test("hold() inserts without asking first while most tasks have no record", async () => {
  const store = keeping();
  await using writer = new SubmissionWriter({ store, holdMs: 20 });
  const round = async (settled: boolean) => {
    const task = fresh();
    if (settled) store.settled.add(task.id);
    writer.hold(task);
    await eventually("the end of a submission", () => writer.find(task.id) === undefined);
  };
  for (const settled of [false, false, true, true]) await round(settled);
  // The second and the third are inserted; the third has a record, so the fourth is asked for.
  assertEquals(store.asked.length, 2);
  assertEquals(store.ids.length, 2);
});

Deno.test("hold() releases the oldest submissions above the limit", async () => {
  const store = keeping();
  await using writer = new SubmissionWriter({ store, holdMs: 60_000, limit: 2 });
  const tasks = [fresh(), fresh(), fresh()];
  for (const task of tasks) writer.hold(task);
  await eventually("a record", () => store.ids.length > 0);
  assertEquals(store.ids[0], tasks[0]!.id);
});

Deno.test("settled() drops the record of a task whose worker has replied", async () => {
  const store = keeping();
  await using writer = new SubmissionWriter({ store, holdMs: 60_000, foreign: true });
  const [replied, open] = [fresh(), fresh()];
  const python = { ...fresh(), queue: "celery" };
  for (const task of [replied, open, python]) writer.hold(task);
  for (const task of [replied, python]) writer.settled(task);
  assertEquals(writer.find(replied.id), undefined);
  assertEquals(writer.find(open.id), open);
  await writer.stop();
  // The worker of another system may store no record.
  assertEquals([store.ids, store.asked], [[open.id, python.id], [[open.id, python.id]]]);
});

Deno.test("hold() keeps the first submission of an id", async () => {
  const store = keeping();
  await using writer = new SubmissionWriter({ store, holdMs: 60_000 });
  const first = fresh();
  const second = { ...first, name: "subtract" };
  for (const task of [first, second]) writer.hold(task);
  assertEquals(writer.find(first.id), first);
  await writer.stop();
  assertEquals(store.ids, [first.id]);
});

Deno.test("hold() reads rarely while one task is submitted after the other", async () => {
  const store = keeping();
  await using writer = new SubmissionWriter({ store, holdMs: 20 });
  const until = performance.now() + 600;
  let held = 0;
  while (performance.now() < until) {
    const task = fresh();
    store.settled.add(task.id);
    writer.hold(task);
    held++;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await writer.stop();
  assertEquals(store.asked.flat().length, held);
  assert(store.asked.length <= 9, `${store.asked.length} reads`);
});
