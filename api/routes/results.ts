/** `GET /v1/tasks/{id}` and `GET /v1/tasks`: what became of tasks. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import {
  isFinal,
  type RecordFilter,
  STATES,
  type TaskRecord,
} from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { ResultCache } from "../http/cache.ts";
import { type Answer, conditionalAnswer, etagOf } from "../http/conditional.ts";
import { isLabel, label } from "../http/label.ts";
import { queriedWait } from "../http/preferences.ts";
import { noRecord, parseQuery, readQuery } from "../http/query.ts";
import { isYoung, pendingRecord, recordJson, resultlessJson } from "../reading/record.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { time } from "../http/time.ts";
import { watch, type WatchParts } from "../reading/watch.ts";

/** What the routes work with. */
export interface ResultParts extends WatchParts {
  readonly store: Pick<ResultStore, "find" | "list">;
  readonly cache: ResultCache;
  readonly clock: Clock;
  /** Seconds. */
  readonly maxWait: number;
}

/** Query of the list, also of the OpenAPI document. */
export const ListQuery = z.object({
  name: label.describe("Name of the task"),
  state: z.enum(STATES).describe("State now"),
  queue: label.describe("Queue it was sent to"),
  worker: label.describe("Node name of the worker that wrote last"),
  since: time.describe(
    "Records created at or after this time: at submission, or by the first worker if Celery sent the task",
  ),
  until: time.describe("Records created before this time"),
  limit: z.coerce.number().int().min(1).max(1000).describe("Records in one answer; default 50"),
  results: z.enum(["true", "false"]).describe(
    "Whether each record has its `result` and `progress`, which may be large; default false",
  ),
  cursor: z.string().max(1024).describe("`next` of the answer before"),
}).partial();

/** Answers with records. */
export function resultRoutes({ cache, clock, maxWait, ...watched }: ResultParts): Hono {
  const { store } = watched;

  async function read(
    id: string,
    seconds: number,
    gone: AbortSignal,
  ): Promise<TaskRecord | undefined> {
    if (seconds === 0) return await store.find(id);
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), seconds * 1000);
    let last: TaskRecord | undefined;
    try {
      const signal = AbortSignal.any([gone, over.signal]);
      for await (last of watch(id, { ...watched, signal })) {
        if (!last && !isYoung(id, clock.now())) break;
      }
      // The time may be over before the next poll: then this read has the news.
      return over.signal.aborted && !gone.aborted ? await store.find(id) : last;
    } finally {
      clearTimeout(timer);
      over.abort();
    }
  }

  return new Hono()
    .get("/tasks/:task", async (c) => {
      const id = c.req.param("task");
      const { wait } = readQuery(c.req.queries(), ["wait"]);
      const seconds = queriedWait(wait, maxWait);
      const cached = cache.get(id);
      if (cached) return finalAnswer(c, cached);
      const record = isLabel(id) ? await read(id, seconds, c.req.raw.signal) : undefined;
      if (!record && !isYoung(id, clock.now())) throw noRecord(id);
      const json = recordJson(record ?? pendingRecord(id, clock.now()));
      if (!record || !isFinal(record.state)) return jsonAnswer(c, json);
      const answer = { body: json, etag: etagOf(json) };
      // A failure may be reopened, in another process: its dead letter is sent again.
      if (record.state !== "FAILURE") cache.set(id, answer);
      return finalAnswer(c, answer);
    })
    .get("/tasks", async (c) => {
      const { limit = 50, cursor, since, until, results, ...filter } = parseQuery(
        ListQuery,
        c.req.queries(),
      );
      const page = await store.list(
        {
          ...filter as RecordFilter,
          ...(since !== undefined && { since: new Date(since) }),
          ...(until !== undefined && { until: new Date(until) }),
        },
        { limit, results: results === "true", ...(cursor !== undefined && { cursor }) },
      );
      if (page.next !== null) {
        const next = new URLSearchParams({ ...c.req.query(), cursor: page.next });
        c.header("link", `</v1/tasks?${next}>; rel="next"`);
      }
      const tasks = page.records.map(results === "true" ? recordJson : resultlessJson).join(",");
      return jsonAnswer(c, `{"tasks":[${tasks}],"next":${JSON.stringify(page.next)}}`);
    });
}

function jsonAnswer(c: Context, json: string): Response {
  return c.body(json, 200, { "content-type": "application/json", "cache-control": "no-store" });
}

/** A final result may be kept by the caller, who must ask whether it still stands: its record can be dropped. */
function finalAnswer(c: Context, answer: Answer): Response {
  return conditionalAnswer(c, answer, {
    "cache-control": "private, no-cache",
    "content-type": "application/json",
  });
}
