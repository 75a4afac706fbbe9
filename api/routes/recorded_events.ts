/** `GET /v1/events` and `GET /v1/events/{key}`: events that the dispatcher has turned into tasks. */
import { type Handler, Hono } from "hono";
import { z } from "zod";
import { stringifyJson } from "../../shared/celery/python_json.ts";
import { type EventStore, isCut, type RecordedEvent } from "../../shared/events/event_store.ts";
import { Problem } from "../http/problem.ts";
import { parseQuery, readQuery } from "../http/query.ts";

/** Query of the list, also for the OpenAPI document. */
export const EventsQuery = z.object({
  type: z.string().min(1).max(255).refine((text) => !text.includes("\0"), "expected no NUL")
    .describe("Type of the events"),
  limit: z.coerce.number().int().min(1).max(1000).describe(
    "Events per page; default 50. A page also ends after 4 MiB",
  ),
  cursor: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
    .describe("`next` of the previous page"),
}).partial();

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Dependencies of the routes. */
export interface RecordedEventsParts {
  readonly store: Pick<EventStore, "find" | "before">;
}

/** Serves recorded events, newest first.
 *
 * @param named handlers of paths in the place of a key, such as `types`: Hono's fastest router accepts no such routes beside `:key` */
export function recordedEventRoutes(
  { store, named = {} }: RecordedEventsParts & {
    named?: Readonly<Record<string, Handler>>;
  },
): Hono {
  return new Hono()
    .get("/events", async (c) => {
      const { type, limit = 50, cursor } = parseQuery(EventsQuery, c.req.queries());
      const page = { limit: limit + 1, ...(type !== undefined && { type }) };
      const found = await store.before(cursor, page);
      const events = found.slice(0, limit);
      const next = found.length > limit || isCut(found) ? events.at(-1)!.position : null;
      const body = stringifyJson({ events: events.map(eventJson), next });
      return c.body(body, 200, { "content-type": "application/json" });
    })
    .get("/events/:key", async (c, next) => {
      const key = c.req.param("key");
      if (Object.hasOwn(named, key)) return await named[key]!(c, next);
      readQuery(c.req.queries(), []);
      const event = await findEvent(store, key);
      return c.body(stringifyJson(eventJson(event)), 200, { "content-type": "application/json" });
    });
}

/** Finds a recorded event.
 *
 * @throws {Problem} `no-event` */
export async function findEvent(
  store: Pick<EventStore, "find">,
  key: string,
): Promise<RecordedEvent> {
  const event = UUID.test(key) ? await store.find(key) : undefined;
  if (event) return event;
  throw noEvent(key);
}

/** A recorded event as responses contain it. */
export function eventJson({ key, position, event, tasks, recordedAt }: RecordedEvent): object {
  return {
    key,
    position,
    recorded_at: recordedAt.toISOString(),
    event,
    tasks: Object.entries(tasks).map(([subscription, id]) => ({ subscription, id })),
  };
}

function noEvent(key: string): Problem {
  return new Problem(
    "no-event",
    `Cannot find event '${
      key.slice(0, 100)
    }' because it is not recorded: it was never accepted here, waits in the inbox, or is older than the retention`,
  );
}
