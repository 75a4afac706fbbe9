/** New tasks while a reader looks at the list: their number, so that no row moves. */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { streamSSE } from "hono/streaming";
import type { ResultStore } from "../../../shared/results/store.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { callerOf } from "../../access/request_caller.ts";
import { watchRights } from "../../access/rights_watch.ts";
import { waiterOf } from "../../access/waiter.ts";
import { ChunkWriter } from "../../http/chunk_writer.ts";
import { fieldProblem } from "../../http/problem.ts";
import { time } from "../../http/time.ts";
import type { EventHub } from "../../reading/event_hub.ts";
import { isFound } from "../../reading/visible_record.ts";
import { hrefOf } from "../view/parts.ts";
import { type Markup, type Site, View } from "../view/view.ts";
import { readFilter } from "../../reading/task_filter.ts";

/** Milliseconds between comments, which keep proxies from closing an idle stream. */
const HEARTBEAT_MS = 15_000;

/** Milliseconds between two messages of one stream. */
const EVERY_MS = 1000;

/** Milliseconds after which a stream says `changed` without an event: workers that had no listener publish nothing for a second. */
const QUIET_MS = 1500;

/** Milliseconds between `changed` without events, which are best effort. */
const FALLBACK_MS = 30_000;

/** Records that are counted. */
const COUNTED_MAX = 100;

/** Rows that the database checks at most if no index has the filter. */
const SEARCHED_MAX = 10_000;

/** Lists of which is remembered that so many tasks are new. */
const REMEMBERED_MAX = 10_000;

const CHANGED = new TextEncoder().encode("event: changed\ndata:\n\n");

/** Dependencies of the routes. */
export interface NewsParts {
  readonly list: ResultStore["list"];
  readonly hub: Pick<EventHub, "admit" | "subscribeAll" | "closing">;
  readonly clock: Clock;
  readonly site: Site;
  /** Milliseconds between two messages of one stream. Default 1 s. */
  readonly everyMs?: number;
  /** Milliseconds after which a stream says `changed` without an event. Default 1.5 s. */
  readonly quietMs?: number;
}

/** Serves the number of new tasks, and a stream that signals when to read it. */
export function newsRoutes(parts: NewsParts): Hono {
  const { list, clock, site } = parts;
  // Under load most open lists have that many soon, and then need no more reads: their number is not shown.
  const full = new Set<string>();
  return new Hono()
    .get("/changes", (c) => streamChanges(c, parts))
    .get("/new-tasks", async (c) => {
      const { q: text = "", after } = c.req.query();
      const since = time.safeParse(after);
      if (!since.success) throw fieldProblem("after", "expected the time of the list, in ISO 8601");
      const filter = readFilter(text, clock.now());
      const caller = callerOf(c);
      const count = async () => {
        const stored = { ...filter.stored, since: new Date(since.data) };
        const { records } = await list(stored, {
          limit: COUNTED_MAX,
          results: false,
          searchMax: SEARCHED_MAX,
        });
        return records.filter((one) => isFound(caller, one, filter)).length;
      };
      const key = JSON.stringify([caller.id, since.data, text]);
      const counted = full.has(key) ? COUNTED_MAX : await count();
      if (counted === COUNTED_MAX) remember(full, key);
      const view = new View(c, site);
      return c.html(counted === 0 ? "" : news(view, text, counted), 200, {
        "cache-control": "no-store",
      });
    });
}

/** Adds a key; forgets the oldest one above the limit. */
function remember(keys: Set<string>, key: string): void {
  keys.add(key);
  if (keys.size > REMEMBERED_MAX) keys.delete(keys.values().next().value!);
}

function news(view: View, text: string, count: number): Markup {
  const { tasks } = view.texts;
  return html`<a href="${hrefOf(view, "/tasks", { q: text })}">${
    count < COUNTED_MAX ? tasks.news(String(count)) : tasks.news(`${COUNTED_MAX}+`)
  }</a>`;
}

/** The part of the list that shows the number of new tasks.
 *
 * @param now time of the list */
export function newsPart(view: View, text: string, now: Date): Markup {
  const path = hrefOf(view, "/new-tasks", { q: text, after: now.toISOString() });
  return html`
    <span id="live" hx-sse:connect="${view.path(
      "/changes",
    )}" hx-trigger="load, again" hx-swap="none"></span>
    <span id="news" role="status" hx-get="${path}" hx-trigger="changed from:#live throttle:2s"
      hx-swap="innerHTML"></span>
  `;
}

/** Streams `changed` after events of any task, at most once a second, and now and then without an event. Which task it was is not said. */
function streamChanges(
  c: Context,
  { hub, everyMs = EVERY_MS, quietMs = QUIET_MS }: NewsParts,
): Response {
  c.header("cache-control", "no-store");
  c.header("x-accel-buffering", "no");
  if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
  // Before the response starts, so that a refusal gets its own status.
  const admitted = hub.admit(waiterOf(c));
  return streamSSE(c, async (stream) => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    stream.onAbort(end);
    hub.closing.addEventListener("abort", end, { once: true });
    if (hub.closing.aborted) end();
    using _rights = watchRights(c, end);
    const writer = new ChunkWriter(stream);
    const heartbeat = setInterval(() => writer.beat(), HEARTBEAT_MS);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const announce = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        writer.signal(CHANGED);
      }, everyMs);
    };
    const listening = hub.subscribeAll(announce);
    const afterQuiet = setTimeout(announce, Math.max(0, quietMs - everyMs));
    const fallback = setInterval(announce, FALLBACK_MS);
    await ended;
    hub.closing.removeEventListener("abort", end);
    listening[Symbol.dispose]();
    admitted[Symbol.dispose]();
    clearInterval(heartbeat);
    clearInterval(fallback);
    clearTimeout(afterQuiet);
    clearTimeout(timer);
  });
}
