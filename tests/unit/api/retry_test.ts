import { assertEquals, assertStringIncludes } from "@std/assert";
import type { FailedTask } from "../../../api/retrying/failed_tasks.ts";
import type { ApiDependencies } from "../../../api/dependencies.ts";
import type { LetterFilter } from "../../../shared/dead_letters/filter.ts";
import type { TaskRecord } from "../../../shared/results/result.ts";
import { SUBMITTER_HEADER } from "../../../shared/results/submitter_header.ts";
import { createFixture, type Fixture } from "./fixture.ts";
import { bearer, keyedFixture, testKey } from "./access/keys.ts";

const FAILED = {
  id: "old",
  name: "add",
  queue: "celeriac.default",
  state: "FAILURE",
  retries: 2,
  labels: { order: "7" },
  submittedBy: "key:abc",
  input: '{"args":[1],"kwargs":{"y":12345678901234567890}}',
} as const;

/** Dead letters and failed tasks in memory. */
class Retries {
  readonly asked: LetterFilter[] = [];
  readonly sent: FailedTask[] = [];
  /** Dead letters that there are, and those that wait. */
  letters = { redriven: 0, waiting: 0 };
  /** Whether records are FAILURE when their messages are sent. */
  isFailed = true;

  get parts(): Pick<ApiDependencies, "deadLetters" | "failedTasks"> {
    return {
      deadLetters: {
        list: () => Promise.resolve({ letters: [], next: null }),
        find: () => Promise.resolve(undefined),
        count: () => Promise.resolve(0),
        purge: () => Promise.resolve(0),
        redrive: (filter) => {
          this.asked.push(filter);
          return Promise.resolve({ ...this.letters, lastDueAt: null });
        },
      },
      failedTasks: {
        send: (tasks) => {
          if (!this.isFailed) return Promise.resolve(new Set());
          this.sent.push(...tasks);
          return Promise.resolve(new Set(tasks.map(({ options }) => options.taskId)));
        },
      },
    };
  }
}

async function retry(fixture: Fixture, headers: Record<string, string> = {}) {
  const answer = await fixture.app.request("/v1/tasks/old/retry", { method: "POST", headers });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

Deno.test("a retry sends the kept input under the same id", async () => {
  const retries = new Retries();
  await using fixture = await createFixture({}, retries.parts);
  fixture.records.put(FAILED);
  const { status, headers, body } = await retry(fixture);
  assertEquals([status, body], [202, { id: "old", state: "PENDING", source: "input" }]);
  assertEquals(headers.get("location"), "/v1/tasks/old");
  assertEquals(retries.sent, [{
    task: "add",
    args: [1],
    kwargs: { y: 12345678901234567890n },
    options: {
      taskId: "old",
      queue: "celeriac.default",
      retries: 2,
      stamps: { order: "7" },
      headers: { [SUBMITTER_HEADER]: "key:abc" },
    },
  }]);
  assertEquals(fixture.audit.entries.map(({ target, count }) => [target, count]), [["old", 1]]);
});

Deno.test("a retry prefers the dead letters of the task", async () => {
  const retries = new Retries();
  retries.letters.redriven = 1;
  await using fixture = await createFixture({}, retries.parts);
  const { input: _, ...record } = FAILED;
  fixture.records.put(record);
  const { status, body } = await retry(fixture);
  assertEquals([status, body.source], [202, "dead-letters"]);
  assertEquals([retries.asked, retries.sent], [[{ taskId: "old" }], []]);
});

Deno.test("a retry is refused in words", async () => {
  const cases: [changes: Partial<TaskRecord>, type: string, words: string, waiting?: number][] = [
    [{ state: "SUCCESS" }, "not-retryable", "it is SUCCESS"],
    [{ state: "STARTED" }, "not-retryable", "it is STARTED"],
    [{ input: '{"omitted":"not-json"}' }, "no-input", "a value that JSON lacks: rerun it with"],
    [
      { input: '{"args":[],"kwargs":{"x":"[redacted]"},"redacted":["kwargs.x"]}' },
      "no-input",
      "which its contract redacts: rerun it with kwargs with all values",
    ],
    [{ queue: "gone" }, "not-retryable", "its queue 'gone' is neither"],
    [{ queue: null }, "not-retryable", "does not contain its name and queue"],
    [{}, "not-retryable", "sent again already", 1],
  ];
  for (const [changes, type, words, waiting = 0] of cases) {
    const retries = new Retries();
    retries.letters.waiting = waiting;
    await using fixture = await createFixture({}, retries.parts);
    fixture.records.put({ ...FAILED, ...changes });
    const { status, body } = await retry(fixture);
    assertEquals([status, body.type], [409, `/problems/${type}`], words);
    assertStringIncludes(body.detail, "Cannot retry task 'old' because");
    assertStringIncludes(body.detail, words);
    assertEquals(retries.sent, []);
  }
});

Deno.test("a retry of a workflow's task, and one that comes second, are refused", async () => {
  const retries = new Retries();
  const member = { workflow: "w1", name: "add", queue: "celeriac.default", pending: [] };
  await using fixture = await createFixture({}, retries.parts);
  fixture.records.put(FAILED);
  fixture.workflows.memberOf = () => Promise.resolve(member as never);
  assertStringIncludes((await retry(fixture)).body.detail, "has ended workflow 'w1'");
  fixture.workflows.memberOf = () => Promise.resolve(undefined);
  retries.isFailed = false;
  assertStringIncludes((await retry(fixture)).body.detail, "its record has changed meanwhile");
});

Deno.test("a limited key retries its own tasks, and letters of its own tasks and queues", async () => {
  const retries = new Retries();
  const own = testKey({ scopes: ["tasks:retry"], tasks: ["add"], queues: ["celeriac.default"] });
  const other = testKey({ scopes: ["tasks:*"], tasks: ["ping"] });
  await using fixture = await keyedFixture([own, other], retries.parts);
  fixture.records.put(FAILED);
  assertEquals((await retry(fixture, bearer(own.token))).status, 202);
  assertEquals((await retry(fixture, bearer(other.token))).status, 404);
  assertEquals(retries.asked, [{ taskId: "old", task: "add", queue: "celeriac.default" }]);
});

Deno.test("the result that was cached before a retry is not shown after it", async () => {
  const retries = new Retries();
  await using fixture = await createFixture({}, retries.parts);
  const read = async () => (await (await fixture.app.request("/v1/tasks/old")).json()).state;
  fixture.records.put(FAILED);
  assertEquals(await read(), "FAILURE");
  assertEquals((await retry(fixture)).status, 202);
  fixture.records.put({ ...FAILED, state: "PENDING" });
  assertEquals(await read(), "PENDING");
});
