/** `GET /v1/events/stream`: recorded events as server-sent events. */
import { getLogger } from "@logtape/logtape";
import type { Handler } from "hono";
import { streamSSE } from "hono/streaming";
import { z } from "zod";
import { matchesTopic } from "../../shared/broker/routing.ts";
import { stringifyJson } from "../../shared/celery/python_json.ts";
import type { EventStore, RecordedEvent } from "../../shared/events/event_store.ts";
import { checkPattern } from "../../shared/events/pattern.ts";
import { watchRights } from "../access/rights_watch.ts";
import { waiterOf } from "../access/waiter.ts";
import { ChunkWriter } from "../http/chunk_writer.ts";
import { fieldProblem } from "../http/problem.ts";
import { parseQuery } from "../http/query.ts";
import type { EventHub } from "../reading/event_hub.ts";
import { EventTail } from "../reading/event_tail.ts";
import { eventJson } from "./recorded_events.ts";

/** Milliseconds between comments, which keep proxies from closing an idle stream. */
const HEARTBEAT_MS = 15_000;

const log = getLogger(["celeriac", "api"]);

/** Query of the stream, also for the OpenAPI document. */
export const EventStreamQuery = z.object({
  types: z.string().min(1).max(2000)
    .describe("Patterns of types, separated by commas, such as `orders.#,prices.*`; default all"),
  after: z.string().max(20)
    .describe("Position after which the stream starts; default: the last event"),
}).partial();

/** Dependencies of the stream. */
export interface EventStreamParts {
  readonly store: Pick<EventStore, "after" | "lastPosition">;
  /** Limits the number of streams, and ends them when it stops. */
  readonly hub: Pick<EventHub, "reserve" | "closing">;
  /** Milliseconds between heartbeats; default 15 s. */
  readonly heartbeatMs?: number;
  /** Milliseconds between two polls; default 500. */
  readonly everyMs?: number;
}

/** Streams the events that the dispatcher records. The id of each is its position: after a reconnect with `Last-Event-ID`, or `after`, the
 * stream continues with the next one.
 *
 * Positions become visible in their order, because writers take turns (`celeriac.record_events`). So a stream skips no event that is not
 * older than the retention. */
export function eventStream(parts: EventStreamParts): Handler {
  const { store, hub, heartbeatMs = HEARTBEAT_MS, everyMs } = parts;
  const tail = new EventTail({ store, ...(everyMs !== undefined && { everyMs }) });
  return async (c) => {
    const { types, after } = parseQuery(EventStreamQuery, c.req.queries());
    const patterns = types?.split(",").map((text) => text.trim());
    patterns?.forEach((pattern) => checkPattern(pattern, "types"));
    const given = c.req.header("last-event-id");
    const start = given === undefined
      ? positionOf(after, "after")
      : positionOf(given, "last-event-id");
    if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
    const place = hub.reserve(waiterOf(c));
    let position: number;
    try {
      // Before the response starts, so that a failure gets its own status.
      const last = await store.lastPosition();
      // All events may be older than the retention and deleted: then every later one is new to this client.
      position = last === 0 ? 0 : start ?? last;
      if (position > last) throw beyond(position, last, given === undefined);
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
    c.header("x-accel-buffering", "no");
    return streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      using _rights = watchRights(c, () => gone.abort());
      const writer = new ChunkWriter(stream);
      const heartbeat = setInterval(() => writer.beat(), heartbeatMs);
      try {
        const signal = AbortSignal.any([gone.signal, hub.closing]);
        await writer.write(encoder.encode(`id: ${position}\n: events after this position\n\n`));
        for await (const page of tail.follow(position, signal)) {
          for (const recorded of page) {
            const { type } = recorded.event;
            if (patterns && !patterns.some((pattern) => matchesTopic(pattern, type))) continue;
            await writer.write(messageOf(recorded));
            if (signal.aborted) break;
          }
        }
      } catch (error) {
        log.info("Cannot continue a stream of events: {error}", { error });
      } finally {
        clearInterval(heartbeat);
        place[Symbol.dispose]();
      }
    });
  };
}

function positionOf(text: string | undefined, field: string): number | undefined {
  if (text === undefined) return undefined;
  const position = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(position)) return position;
  throw fieldProblem(field, "expected the position of an event, a whole number from 0");
}

/** A position of another database. */
function beyond(position: number, last: number, inQuery: boolean): Error {
  return fieldProblem(
    inQuery ? "after" : "last-event-id",
    `position ${position} is not recorded, the last one is ${last}: leave it out to receive new events`,
  );
}

/** The message of an event. Many streams may send it: it is encoded once. */
function messageOf(recorded: RecordedEvent): Uint8Array<ArrayBuffer> {
  const known = encoded.get(recorded);
  if (known) return known;
  const data = stringifyJson(eventJson(recorded));
  const message = encoder.encode(`id: ${recorded.position}\ndata: ${data}\n\n`);
  encoded.set(recorded, message);
  return message;
}

const encoded = new WeakMap<RecordedEvent, Uint8Array<ArrayBuffer>>();

const encoder = new TextEncoder();
