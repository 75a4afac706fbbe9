/** `GET /v1/tasks/{id}` and `GET /v1/tasks`: task records. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import {
  isFinal,
  type RecordFilter,
  STATES,
  type TaskRecord,
} from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import { ENDED } from "../../shared/runtime/waits.ts";
import type { ResultCache } from "../http/cache.ts";
import { type Answer, conditionalAnswer, etagOf } from "../http/conditional.ts";
import { isLabel, label } from "../http/label.ts";
import { queriedWait } from "../http/preferences.ts";
import { noRecord, parseQuery, readQuery } from "../http/query.ts";
import { isYoung, pendingRecord, recordJson, resultlessJson } from "../reading/record.ts";
import { isVisible, visible, visibleJson } from "../reading/visible_record.ts";
import { callerOf } from "../access/request_caller.ts";
import { waiterOf } from "../access/waiter.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { time } from "../http/time.ts";
import { watch, type WatchParts } from "../reading/watch.ts";

/** Dependencies of the routes. */
export interface ResultParts extends WatchParts {
  readonly store: Pick<ResultStore, "find" | "list">;
  readonly cache: ResultCache;
  readonly clock: Clock;
  /** Maximum wait in seconds. */
  readonly maxWait: number;
}

/** Rows that the database checks for one page at most if no index has the filter. */
const SEARCHED_MAX = 10_000;

/** Query of the list, also for the OpenAPI document. */
export const ListQuery = z.object({
  name: label.describe("Name of the task"),
  state: z.enum(STATES).describe("Current state"),
  queue: label.describe("Queue of the task"),
  worker: label.describe("Node name of the last worker"),
  label: z.string().regex(/^[^:]{1,255}:[^]{1,255}$/, "expected NAME:VALUE")
    .refine((text) => !text.includes("\0"), "expected no NUL")
    .describe("Label of the task, as NAME:VALUE; not with Django's tables"),
  since: time.describe(
    "Records created at or after this time: at submission, or by the first worker if Celery sent the task",
  ),
  until: time.describe("Records created before this time"),
  limit: z.coerce.number().int().min(1).max(1000).describe("Records per page; default 50"),
  results: z.enum(["true", "false"]).describe(
    "Whether records contain `result` and `progress`, which may be large; default false",
  ),
  cursor: z.string().max(1024).describe("`next` of the previous page"),
}).partial();

/** Serves records. */
export function resultRoutes({ cache, clock, maxWait, ...watched }: ResultParts): Hono {
  const { store } = watched;

  async function read(
    id: string,
    seconds: number,
    gone: AbortSignal,
    owner: string,
  ): Promise<TaskRecord | undefined> {
    if (seconds === 0) return await store.find(id);
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(ENDED), seconds * 1000);
    let last: TaskRecord | undefined;
    try {
      const signal = AbortSignal.any([gone, over.signal]);
      for await (last of watch(id, { ...watched, signal, owner })) {
        if (!last && !isYoung(id, clock.now())) break;
      }
      // After a timeout this read may find a newer record than the last poll.
      return over.signal.aborted && !gone.aborted ? await store.find(id) : last;
    } finally {
      clearTimeout(timer);
      over.abort(ENDED);
    }
  }

  return new Hono()
    .get("/tasks/:task", async (c) => {
      const id = c.req.param("task");
      const { wait } = readQuery(c.req.queries(), ["wait"]);
      const seconds = queriedWait(wait, maxWait);
      const caller = callerOf(c);
      const cached = caller.readsEverything ? cache.get(id) : undefined;
      if (cached) return finalAnswer(c, cached);
      const found = isLabel(id)
        ? await read(id, seconds, c.req.raw.signal, waiterOf(c))
        : undefined;
      const record = visible(caller, found);
      if (!record && (found || !isYoung(id, clock.now()))) throw noRecord(id);
      const json = visibleJson(caller, record ?? pendingRecord(id, clock.now()));
      if (!record || !isFinal(record.state)) return jsonAnswer(c, json);
      const answer = { body: json, etag: etagOf(json) };
      // Another process may reopen a failure by a redrive of its dead letter, or add the name of a task that was revoked at once.
      const isLasting = record.state === "SUCCESS" ||
        (record.state === "REVOKED" && record.name !== null);
      if (isLasting && caller.readsEverything) cache.set(id, answer);
      return finalAnswer(c, answer);
    })
    .get("/tasks", async (c) => {
      const { limit = 50, cursor, since, until, results, label: labelled, ...filter } = parseQuery(
        ListQuery,
        c.req.queries(),
      );
      const page = await store.list(
        {
          ...filter as RecordFilter,
          ...(labelled !== undefined && { label: readLabel(labelled) }),
          ...(since !== undefined && { since: new Date(since) }),
          ...(until !== undefined && { until: new Date(until) }),
        },
        {
          limit,
          results: results === "true",
          searchMax: SEARCHED_MAX,
          ...(cursor !== undefined && { cursor }),
        },
      );
      if (page.next !== null) {
        const next = new URLSearchParams({ ...c.req.query(), cursor: page.next });
        c.header("link", `</v1/tasks?${next}>; rel="next"`);
      }
      const caller = callerOf(c);
      const write = results === "true" ? recordJson : resultlessJson;
      // A page of a limited caller may contain fewer records than `limit`; `next` leads to the others.
      const tasks = page.records
        .filter((record) => isVisible(caller, record))
        .map((record) => visibleJson(caller, record, write))
        .join(",");
      return jsonAnswer(c, `{"tasks":[${tasks}],"next":${JSON.stringify(page.next)}}`);
    });
}

/** `NAME:VALUE`; a value may contain colons. */
function readLabel(text: string): { name: string; value: string } {
  const colon = text.indexOf(":");
  return { name: text.slice(0, colon), value: text.slice(colon + 1) };
}

function jsonAnswer(c: Context, json: string): Response {
  return c.body(json, 200, { "content-type": "application/json", "cache-control": "no-store" });
}

/** Clients may cache a final result but must revalidate: its record can be deleted. */
function finalAnswer(c: Context, answer: Answer): Response {
  return conditionalAnswer(c, answer, {
    "cache-control": "private, no-cache",
    "content-type": "application/json",
  });
}
