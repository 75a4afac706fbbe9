import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { validate, version } from "uuid";
import { planTicks, tickId, tickOf } from "../../../beat/tick.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { MISSED_LIMIT } from "../../../shared/schedules/schedule.ts";
import { scheduledSubmission } from "../../../shared/schedules/scheduled_submission.ts";
import { nextOf } from "../../../shared/schedules/timing.ts";
import { CONTRACTS } from "../api/fixture.ts";

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);
const next = nextOf({ every: 10, anchor: at(0) });

Deno.test("planTicks() sends one tick when it is on time, whatever the policy", () => {
  for (const policy of ["skip", "once", "all"] as const) {
    assertEquals(planTicks({ next, after: at(0), policy }, at(10.02)), {
      times: [at(10)],
      after: at(10),
      next: at(20),
    });
  }
});

Deno.test("planTicks() returns only the next tick when none is due", () => {
  assertEquals(planTicks({ next, after: at(10), policy: "all" }, at(19.99)), {
    times: [],
    after: at(10),
    next: at(20),
  });
});

Deno.test("planTicks() sends the newest missed tick with `once`", () => {
  const { times, next: following } = planTicks({ next, after: at(0), policy: "once" }, at(3605));
  assertEquals(times, [at(3600)]);
  assertEquals(following, at(3610));
});

Deno.test("planTicks() skips ticks that are a minute late with `skip`", () => {
  const daily = nextOf({ cron: "0 0 * * *", timezone: "UTC" });
  const plan = planTicks({ next: daily, after: at(-1), policy: "skip" }, at(61));
  assertEquals(plan, { times: [], after: at(0), next: at(86_400) });
  assertEquals(planTicks({ next: daily, after: at(-1), policy: "skip" }, at(59)).times, [at(0)]);
});

Deno.test("planTicks() sends the newest missed ticks up to the limit with `all`", () => {
  assertEquals(planTicks({ next, after: at(0), policy: "all" }, at(30)).times, [
    at(10),
    at(20),
    at(30),
  ]);
  const { times } = planTicks({ next, after: at(0), policy: "all" }, at(100_000));
  assertEquals(times.length, MISSED_LIMIT);
  assertEquals(times.at(-1), at(100_000));
});

Deno.test("tickId() is a UUIDv7 of the due time, fixed by schedule and due time", () => {
  const id = tickId("nightly", at(5));
  assert(validate(id));
  assertEquals(version(id), 7);
  assertEquals(parseInt(id.slice(0, 8) + id.slice(9, 13), 16), at(5).getTime());
  assertEquals(id, tickId("nightly", at(5)));
  assertEquals(new Set([id, tickId("nightly", at(6)), tickId("nightly2", at(5))]).size, 3);
  assertNotEquals(tickId("a", at(5)).slice(14), tickId("a", at(6)).slice(14));
});

Deno.test("tickOf() creates a message with the options of the task's contract", () => {
  const registry = new Registry(CONTRACTS);
  const signature = {
    task: "text.shout",
    args: [],
    kwargs: { text: "hey" },
    options: { priority: 3, expires: 60, headers: { tenant: "a" } },
  };
  const task = scheduledSubmission("loud", signature, { registry });
  const { entry, pending } = tickOf("loud", task, at(0), { origin: "gen1@test", now: at(1) });
  const message = decodeTask(entry.message);
  assertEquals(message.id, tickId("loud", at(0)));
  assertEquals(entry.taskId, message.id);
  assertEquals(entry.message.routingKey, "celeriac.text");
  assert(entry.due <= performance.now());
  assertEquals(message.expires, at(61));
  assertEquals(message.headers, {
    tenant: "a",
    periodic_task_name: "loud",
    celery_beat_task: true,
  });
  assertEquals(pending?.id, message.id);
  assertEquals(pending?.kwargsRepr, "{'text': 'hey'}");
});

Deno.test("tickOf() creates no record for a task that ignores its result", () => {
  const registry = new Registry(CONTRACTS);
  const signature = { task: "silent", args: [], kwargs: {}, options: {} };
  const task = scheduledSubmission("s", signature, { registry });
  assertEquals(tickOf("s", task, at(0), { origin: "o", now: at(0) }).pending, undefined);
});
