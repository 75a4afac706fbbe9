import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Lease } from "../../../beat/lease.ts";
import { schedule } from "../../../shared/mod.ts";
import { SCHEDULER_LEASE, ScheduleStore } from "../../../shared/schedules/store.ts";
import { CONTRACTS, createFixture, type Fixture } from "./fixture.ts";

const MORNING = {
  name: "morning",
  task: "add",
  cron: "0 6 * * mon-fri",
  timezone: "Asia/Seoul",
  kwargs: { x: 2, y: 3 },
};

async function get(fixture: Fixture, path: string) {
  const answer = await fetch(fixture.url + path);
  return { status: answer.status, body: await answer.json() };
}

async function post(fixture: Fixture, path: string, body: unknown = undefined) {
  const answer = body === undefined
    ? await fetch(fixture.url + path, { method: "POST" })
    : await fixture.post(path, body);
  return { status: answer.status, body: await answer.json(), headers: answer.headers };
}

Deno.test("/v1/schedules creates, reads, lists, pauses, resumes and deletes schedules", async () => {
  await using fixture = await createFixture();
  const made = await post(fixture, "/v1/schedules", { ...MORNING, options: { priority: 5 } });
  assertEquals(made.status, 201);
  assertEquals(made.headers.get("location"), "/v1/schedules/morning");
  const { kwargs, options, missed, source, timezone, next_runs: runs } = made.body;
  assertEquals([kwargs, options, missed, source, timezone], [
    { x: 2, y: 3 },
    { priority: 5 },
    "once",
    "database",
    "Asia/Seoul",
  ]);
  assertEquals(runs.length, 5);
  for (const run of runs) assertMatch(run, /T21:00:00\.000Z$/);

  const every = await post(fixture, "/v1/schedules", { name: "a", task: "ping", every: 90 });
  assertEquals([every.status, every.body.every, every.body.cron], [201, 90, null]);
  const read = await get(fixture, "/v1/schedules/a?runs=3");
  const times = read.body.next_runs.map((time: string) => Date.parse(time));
  assertEquals([times[1] - times[0], times[2] - times[1]], [90_000, 90_000]);

  const first = await get(fixture, "/v1/schedules?limit=1");
  assertEquals([first.body.schedules[0].name, first.body.next], ["a", "a"]);
  const second = await get(fixture, "/v1/schedules?limit=1&cursor=a");
  assertEquals([second.body.schedules[0].name, second.body.next], ["morning", null]);

  const paused = await post(fixture, "/v1/schedules/a/pause");
  assertEquals([paused.body.paused, paused.body.next_at], [true, null]);
  const resumed = await post(fixture, "/v1/schedules/a/resume");
  assertEquals([resumed.body.paused, resumed.body.next_at !== null], [false, true]);

  const removed = await fetch(`${fixture.url}/v1/schedules/a`, { method: "DELETE" });
  assertEquals([removed.status, await removed.text()], [204, ""]);
  assertEquals((await get(fixture, "/v1/schedules/a")).status, 404);
});

Deno.test("POST /v1/schedules/{schedule}/trigger sends an additional task", async () => {
  await using fixture = await createFixture();
  await post(fixture, "/v1/schedules", MORNING);
  const { status, body } = await post(fixture, "/v1/schedules/morning/trigger");
  assertEquals([status, body.name, body.state], [202, "add", "PENDING"]);
  const task = await fixture.take();
  assertEquals([task.id, task.kwargs], [body.id, { x: 2, y: 3 }]);
  assertEquals(task.headers["periodic_task_name"], "morning");
  const { body: after } = await get(fixture, "/v1/schedules/morning");
  assertEquals([after.ticks, after.last_at], [0, null]);
});

Deno.test("GET /v1/schedules names the current leader, if any", async () => {
  await using fixture = await createFixture();
  assertEquals((await get(fixture, "/v1/schedules")).body, {
    schedules: [],
    next: null,
    scheduler: null,
  });
  const { database } = fixture;
  await new Lease({ database, name: SCHEDULER_LEASE, holder: "beat@test", seconds: 60 }).hold();
  assertEquals((await get(fixture, "/v1/schedules")).body.scheduler, "beat@test");
});

Deno.test("/v1/schedules only pauses and resumes schedules defined in code", async () => {
  await using fixture = await createFixture();
  const [task] = CONTRACTS;
  const nightly = schedule({ name: "nightly", task: task!, every: 60, args: [1, 2] });
  await new ScheduleStore({ database: fixture.database }).sync([nightly]);
  const answer = await fetch(`${fixture.url}/v1/schedules/nightly`, { method: "DELETE" });
  const problem = await answer.json();
  assertEquals([answer.status, problem.type], [409, "/problems/schedule-in-code"]);
  assertStringIncludes(problem.detail, "or pause it");
  assertEquals((await post(fixture, "/v1/schedules/nightly/pause")).body.paused, true);
  const twin = await post(fixture, "/v1/schedules", { ...MORNING, name: "nightly" });
  assertEquals([twin.status, twin.body.type], [409, "/problems/schedule-exists"]);
});

Deno.test("POST /v1/schedules names each invalid field and the valid values", async () => {
  await using fixture = await createFixture();
  const cases: [given: Record<string, unknown>, field: string, words: string][] = [
    [{ name: "a b" }, "name", "rename it"],
    [{ name: undefined }, "name", "expected string"],
    [{ task: "ad" }, "task", "did you mean 'add'?"],
    [{ cron: "0 25 * * *" }, "cron", "'25' is not a valid hour: give 0 to 23"],
    [{ cron: "0 0 31 2 *" }, "cron", "no day matches it"],
    [{ cron: undefined }, "cron", "give one of them"],
    [{ every: 5, timezone: undefined }, "cron", "give one of them"],
    [{ every: 5, cron: undefined }, "timezone", "an interval has no time zone"],
    [{ every: 0.1, cron: undefined, timezone: undefined }, "every", "1 to 316224000"],
    [{ timezone: "Asia/Soul" }, "timezone", "IANA"],
    [{ kwargs: { x: "a", y: 3 } }, "kwargs.x", "expected number"],
    [{ kwargs: { x: 1, y: 3, z: 4 } }, "kwargs.z", "unknown argument"],
    [{ args: {} }, "args", "expected array"],
    [{ missed: "never" }, "missed", "skip"],
    [{ crom: "* * * * *" }, "crom", "did you mean 'cron'?"],
    [{ options: { eta: "2030-01-01T00:00:00Z" } }, "options.eta", "a separate task"],
    [{ options: { task_id: "a" } }, "options.task_id", "a separate task"],
    [
      { options: { expires: "2030-01-01T00:00:00Z" } },
      "options.expires",
      "seconds after each tick",
    ],
    [{ options: { queue: "elsewhere" } }, "options.queue", "CELERIAC_FOREIGN_QUEUES"],
  ];
  for (const [given, field, words] of cases) {
    const { status, body } = await post(fixture, "/v1/schedules", { ...MORNING, ...given });
    assertEquals([status, body.type], [422, "/problems/invalid-input"], JSON.stringify(body));
    const error = body.errors.find((one: { field: string }) => one.field === field);
    assert(error, `${field}: ${JSON.stringify(body)}`);
    assertStringIncludes(body.detail, words);
  }
  assertEquals((await get(fixture, "/v1/schedules")).body.schedules, []);
  assertEquals((await get(fixture, "/v1/schedules?limit=0")).status, 422);
  assertEquals((await get(fixture, "/v1/schedules/none?runs=1001")).status, 422);
  for (const verb of ["pause", "resume", "trigger"]) {
    const { status, body } = await post(fixture, `/v1/schedules/none/${verb}`);
    assertEquals([status, body.type], [404, "/problems/no-schedule"]);
  }
});
