import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BulkRunner } from "../../../api/bulk/bulk_runner.ts";
import { submissionRules } from "../../../api/submitting/submission.ts";
import type { FailedTask } from "../../../api/retrying/failed_tasks.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { SYSTEM_CLOCK } from "../../../shared/runtime/clock.ts";
import type { Submission } from "../../../shared/outbox/submission.ts";
import type { TaskRecord } from "../../../shared/results/result.ts";
import { bearer, keyedFixture, testKey } from "./access/keys.ts";
import { CONTRACTS, createFixture, type Fixture, MemoryRecords } from "./fixture.ts";
import { MemoryBulk } from "./memory_bulk.ts";

async function send(fixture: Fixture, path: string, body: unknown, headers = {}) {
  const answer = await fixture.post(path, body, headers);
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

/** Runs jobs on records in memory. */
class Runs {
  readonly records = new MemoryRecords();
  readonly submitted: { submission: Submission; key: string | undefined }[] = [];
  readonly sent: FailedTask[] = [];
  broadcasts = 0;
  broken = false;
  keys = new Map<string, ReturnType<typeof testKey>["key"]>();

  runner(bulk: MemoryBulk): BulkRunner {
    return new BulkRunner({
      jobs: bulk.store,
      store: this.records,
      broker: { publish: () => Promise.resolve(void this.broadcasts++) },
      rules: submissionRules(new Registry(CONTRACTS), []),
      clock: SYSTEM_CLOCK,
      keys: { find: (id) => Promise.resolve(this.keys.get(id)) },
      workflows: { memberOf: () => Promise.resolve(undefined) },
      deadLetters: { redrive: () => Promise.resolve({ redriven: 0, waiting: 0, lastDueAt: null }) },
      failedTasks: {
        send: (tasks) => {
          if (this.broken) throw new DatabaseUnavailable("Cannot reach the database");
          this.sent.push(...tasks);
          return Promise.resolve(new Set(tasks.map(({ options }) => options.taskId)));
        },
      },
      submitter: {
        submit: (submission, { key } = {}) => {
          this.submitted.push({ submission, key });
          return Promise.resolve({} as never);
        },
      },
    });
  }
}

const failed = (id: string, changes: Partial<TaskRecord> = {}) => ({
  id,
  name: "add",
  queue: "celeriac.default",
  state: "FAILURE" as const,
  input: '{"args":[1],"kwargs":{"y":2}}',
  submittedAt: new Date(Date.now() - 60_000),
  ...changes,
});

/** A fixture whose records the runner changes. */
async function started(path: string, body: object, put: (records: MemoryRecords) => void) {
  const runs = new Runs();
  const bulk = new MemoryBulk();
  put(runs.records);
  const fixture = await createFixture({}, { bulk, store: runs.records });
  const answer = await send(fixture, path, body);
  return { runs, bulk, fixture, answer, runner: runs.runner(bulk) };
}

async function runAll(runner: BulkRunner): Promise<void> {
  while (await runner.step());
}

Deno.test("a dry run counts the tasks, and says up to which time", async () => {
  const bulk = new MemoryBulk();
  await using fixture = await createFixture({}, { bulk });
  for (const id of ["a", "b"]) fixture.records.put(failed(id));
  fixture.records.put(failed("c", { state: "SUCCESS" }));
  const before = Date.now();
  const filter = { q: "state:failure,retry name:a*" };
  const { status, body } = await send(fixture, "/v1/tasks:retry", { filter, dry_run: true });
  assertEquals([status, body.matched, body.complete], [200, 2, true]);
  assertEquals(body.states, { FAILURE: 2 });
  assertEquals(Date.parse(body.until) >= before, true);
  assertEquals([bulk.all.size, fixture.audit.entries], [0, []]);
});

Deno.test("a job answers with its URL, is audited, and shows its progress", async () => {
  const { fixture, answer, bulk, runner } = await started(
    "/v1/tasks:revoke",
    { filter: { ids: ["a", "b", "unknown", "a"] } },
    (records) => {
      records.put(failed("a", { state: "PENDING" }));
      records.put(failed("b", { state: "STARTED" }));
      records.put(failed("c", { state: "PENDING" }));
    },
  );
  await using _fixture = fixture;
  assertEquals([answer.status, answer.body.state, answer.body.matched], [202, "RUNNING", 2]);
  assertEquals(answer.headers.get("location"), `/v1/bulk-jobs/${answer.body.id}`);
  assertEquals(bulk.starts, 1);
  const [entry] = fixture.audit.entries;
  assertEquals([entry!.action, entry!.count, entry!.status], ["tasks:cancel", 2, 202]);
  await runAll(runner);
  const read = await (await fixture.app.request(answer.headers.get("location")!)).json();
  assertEquals([read.state, read.done, read.refused], ["ENDED", 1, 1]);
  assertStringIncludes(read.refusals[0].reason, "already STARTED");
  assertEquals(read.filter.ids, ["a", "b", "unknown"]);
});

Deno.test("a job terminates running tasks if it may, and leaves others alone", async () => {
  const { fixture, bulk, runner, runs } = await started(
    "/v1/tasks:revoke",
    { filter: { q: "state:pending,started" }, terminate: true },
    (records) => {
      records.put(failed("a", { state: "PENDING" }));
      records.put(failed("b", { state: "STARTED" }));
      records.put(failed("c"));
    },
  );
  await using _fixture = fixture;
  await runAll(runner);
  const [job] = bulk.all.values();
  assertEquals([job!.done, job!.refused], [2, 0]);
  const states = [...runs.records.records.values()].map(({ state }) => state);
  // The worker writes the record of the running task.
  assertEquals(states, ["REVOKED", "STARTED", "FAILURE"]);
  assertEquals(runs.broadcasts, 2);
});

Deno.test("reruns have keys, so that a repeated step submits no second task", async () => {
  const { fixture, runner, runs, answer } = await started(
    "/v1/tasks:rerun",
    { filter: { q: "state:failure" } },
    (records) => {
      for (let index = 0; index < 120; index++) records.put(failed(`t${index}`));
      records.put(failed("cut", { input: '{"omitted":"not-json"}' }));
    },
  );
  await using _fixture = fixture;
  await runAll(runner);
  assertEquals(runs.submitted.length, 120);
  assertEquals(new Set(runs.submitted.map(({ key }) => key)).size, 120);
  assertEquals(runs.submitted.some(({ key }) => key === `bulk ${answer.body.id} t7`), true);
  const read = await (await fixture.app.request(`/v1/bulk-jobs/${answer.body.id}`)).json();
  assertEquals([read.done, read.refused, read.refusals[0].id], [120, 1, "cut"]);
});

Deno.test("a job leaves out tasks that no longer match when it reaches them", async () => {
  const { fixture, bulk, runner, runs } = await started(
    "/v1/tasks:retry",
    { filter: { q: "state:failure" } },
    (records) => {
      records.put(failed("a"));
      records.put(failed("b"));
    },
  );
  await using _fixture = fixture;
  runs.records.put(failed("b", { state: "SUCCESS" }));
  await runAll(runner);
  assertEquals(runs.sent.map(({ options }) => options.taskId), ["a"]);
  const [job] = bulk.all.values();
  assertEquals([job!.matched, job!.done, job!.refused], [2, 1, 0]);
});

Deno.test("a job leaves out a task that starts between its list and its change", async () => {
  const { fixture, bulk, runner, runs } = await started(
    "/v1/tasks:revoke",
    { filter: { q: "state:pending" }, terminate: true },
    (records) => {
      records.put(failed("a", { state: "PENDING" }));
      records.put(failed("b", { state: "PENDING" }));
    },
  );
  await using _fixture = fixture;
  const { list } = runs.records;
  runs.records.list = async (...given) => {
    const page = await list.apply(runs.records, given);
    runs.records.put(failed("b", { state: "STARTED" }));
    return page;
  };
  await runAll(runner);
  const [job] = bulk.all.values();
  assertEquals([job!.done, job!.refused, runs.broadcasts], [1, 0, 1]);
});

Deno.test("requests with one Idempotency-Key start one job", async () => {
  const bulk = new MemoryBulk();
  await using fixture = await createFixture({}, { bulk });
  const start = (key: string, q: string, action = "rerun") =>
    send(fixture, `/v1/tasks:${action}`, { filter: { q } }, { "idempotency-key": key });
  const [first, again] = [await start("k1", "name:add"), await start("k1", "name:add")];
  assertEquals([first.status, again.status, again.body.id], [202, 202, first.body.id]);
  assertEquals((await start("k2", "name:add")).body.id === first.body.id, false);
  for (const other of [start("k1", "name:ping"), start("k1", "name:add", "retry")]) {
    const { status, body } = await other;
    assertEquals([status, body.type], [422, "/problems/idempotency-mismatch"]);
  }
  assertEquals(bulk.all.size, 2);
});

Deno.test("a job by ids leaves out tasks that were submitted after it was frozen", async () => {
  const until = new Date(Date.now() - 30_000).toISOString();
  const { fixture, runner, runs, answer } = await started(
    "/v1/tasks:retry",
    { filter: { ids: ["old", "new"], until } },
    (records) => {
      records.put(failed("old"));
      records.put(failed("new", { submittedAt: new Date() }));
    },
  );
  await using _fixture = fixture;
  assertEquals([answer.body.matched, answer.body.filter.until], [1, until]);
  await runAll(runner);
  assertEquals(runs.sent.map(({ options }) => options.taskId), ["old"]);
});

Deno.test("a step is repeated if a server does not answer", async () => {
  const { fixture, bulk, runner, runs } = await started(
    "/v1/tasks:retry",
    { filter: {} },
    (records) => records.put(failed("a")),
  );
  await using _fixture = fixture;
  runs.broken = true;
  await assertRejects(() => runner.step(), DatabaseUnavailable);
  assertEquals([...bulk.all.values()].map(({ endedAt, done }) => [endedAt, done]), [[null, 0]]);
  runs.broken = false;
  await runAll(runner);
  assertEquals([...bulk.all.values()].map(({ done }) => done), [1]);
});

Deno.test("a job is limited to what its caller may see, and ends with its key", async () => {
  const key = testKey({ scopes: ["tasks:*"], tasks: ["add"] });
  const other = testKey({ scopes: ["tasks:*"], tasks: ["ping"] });
  const runs = new Runs();
  const bulk = new MemoryBulk();
  runs.records.put(failed("own"));
  runs.records.put(failed("foreign", { name: "ping" }));
  await using fixture = await keyedFixture([key, other], { bulk, store: runs.records });
  const body = { filter: { q: "state:failure" } };
  const first = await send(fixture, "/v1/tasks:retry", body, bearer(key.token));
  assertEquals(first.body.matched, 1);
  const path = `/v1/bulk-jobs/${first.body.id}`;
  const hidden = await fixture.app.request(path, { headers: bearer(other.token) });
  assertEquals([hidden.status, (await hidden.json()).type], [404, "/problems/no-bulk-job"]);
  const runner = runs.runner(bulk);
  runs.keys.set(key.key.id, { ...key.key, revokedAt: new Date() });
  await runAll(runner);
  const stopped = await (await fixture.app.request(path, { headers: bearer(key.token) })).json();
  assertEquals([stopped.state, runs.sent], ["STOPPED", []]);
  runs.keys.set(key.key.id, key.key);
  await send(fixture, "/v1/tasks:retry", body, bearer(key.token));
  await runAll(runner);
  assertEquals(runs.sent.map(({ options }) => options.taskId), ["own"]);
});

Deno.test("a job is stopped on request", async () => {
  const { fixture, answer, runner, runs } = await started(
    "/v1/tasks:retry",
    { filter: {} },
    (records) => records.put(failed("a")),
  );
  await using _fixture = fixture;
  const stop = () => send(fixture, `/v1/bulk-jobs/${answer.body.id}/stop`, {});
  assertEquals([(await stop()).body.state, (await stop()).status], ["STOPPED", 200]);
  await runAll(runner);
  assertEquals(runs.sent, []);
});

Deno.test("an invalid request starts no job", async () => {
  const bulk = new MemoryBulk();
  await using fixture = await createFixture({}, { bulk });
  const cases: [body: unknown, field: string, words: string][] = [
    [{}, "filter", "name what is meant, or {} for all tasks"],
    [{ filter: { q: "stat:failure" } }, "filter.q", "did you mean 'state'?"],
    [{ filter: { ids: [] } }, "filter.ids", ""],
    [{ filter: { ids: Array.from({ length: 1001 }, String) } }, "filter.ids", ""],
    [{ filter: { until: "yesterday" } }, "filter.until", "ISO 8601"],
    [{ filter: { name: "add" } }, "filter.name", ""],
    [{ filter: {}, terminate: true }, "terminate", ""],
  ];
  for (const [given, field, words] of cases) {
    const { status, body } = await send(fixture, "/v1/tasks:retry", given);
    assertEquals([status, body.errors[0].field], [422, field]);
    assertStringIncludes(body.errors[0].message, words);
  }
  assertEquals([bulk.all.size, fixture.audit.entries], [0, []]);
});
