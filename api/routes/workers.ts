/** `GET /v1/workers` and `GET /v1/queues`: running workers, and the depth of queues. */
import { Hono } from "hono";
import type { Clock } from "../../shared/runtime/clock.ts";
import { callerOf } from "../access/request_caller.ts";
import { readQuery } from "../http/query.ts";
import type { QueueSurvey } from "../reading/queue_survey.ts";
import { visibleWorkers } from "../reading/visible_workers.ts";
import type { ActiveTask, SurveyedWorker, WorkerSurvey } from "../reading/worker_survey.ts";

/** Dependencies of the routes. */
export interface WorkersParts {
  readonly survey: Pick<WorkerSurvey, "read">;
  readonly queues: Pick<QueueSurvey, "read">;
  readonly clock: Clock;
}

const NO_STORE = { "cache-control": "no-store" };

/** Lists workers, which takes a second because their replies are collected, and queues. */
export function workersRoutes({ survey, queues, clock }: WorkersParts): Hono {
  return new Hono()
    .get("/workers", async (c) => {
      readQuery(c.req.queries(), []);
      const workers = visibleWorkers(callerOf(c), await survey.read());
      return c.json({ at: clock.now(), workers: workers.map(workerBody) }, 200, NO_STORE);
    })
    .get("/queues", async (c) => {
      readQuery(c.req.queries(), []);
      const caller = callerOf(c);
      const seen = (await queues.read()).filter(({ name }) => caller.seesQueue(name));
      return c.json({ at: clock.now(), queues: seen }, 200, NO_STORE);
    });
}

function workerBody(worker: SurveyedWorker) {
  const { name, pid, uptimeSeconds, concurrency, prefetch, received, queues, active } = worker;
  return {
    name,
    pid,
    uptime: uptimeSeconds,
    concurrency,
    prefetch,
    received,
    queues,
    running: active.map(taskBody),
  };
}

function taskBody({ id, name, queue, startedAt }: ActiveTask) {
  return { id, name, queue, started_at: startedAt };
}
