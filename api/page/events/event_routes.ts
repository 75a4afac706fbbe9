/** `/events` and `/events/{key}`: recorded events and the tasks that they became. */
import { Hono } from "hono";
import { html } from "hono/html";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import { type EventStore, isCut, type RecordedEvent } from "../../../shared/events/event_store.ts";
import { parseQuery } from "../../http/query.ts";
import { EventsQuery, findEvent } from "../../routes/recorded_events.ts";
import { jsonBlock, textBlock } from "../view/code.ts";
import { answerPage } from "../view/layout.ts";
import {
  backLink,
  cardTable,
  type Cell,
  command,
  factList,
  hrefOf,
  nextLink,
  taskLink,
} from "../view/parts.ts";
import { type Markup, type Site, View } from "../view/view.ts";

/** Dependencies of the routes. */
export interface EventRoutesParts {
  readonly eventStore: Pick<EventStore, "find" | "before">;
  readonly site: Site;
}

/** Rows of a page. */
const ROWS = 50;

/** Serves the pages. */
export function eventRoutes({ eventStore, site }: EventRoutesParts): Hono {
  return new Hono()
    .get("/events", async (c) => {
      // An empty field of the form is no condition.
      const query = Object.entries(c.req.queries()).filter(([, values]) => values.join("") !== "");
      const { type, cursor } = parseQuery(EventsQuery, Object.fromEntries(query));
      const found = await eventStore.before(cursor, {
        limit: ROWS + 1,
        ...(type !== undefined && { type }),
      });
      const shown = found.slice(0, ROWS);
      const next = found.length > ROWS || isCut(found) ? String(shown.at(-1)!.position) : null;
      const view = new View(c, site);
      return answerPage(c, view, {
        title: view.texts.events.title,
        current: "/events",
        body: eventsPage(view, shown, type, next),
      });
    })
    .get("/events/:key", async (c) => {
      const view = new View(c, site);
      const recorded = await findEvent(eventStore, c.req.param("key"));
      return answerPage(c, view, {
        title: recorded.event.type,
        current: "/events",
        body: eventPage(view, recorded),
      });
    });
}

function eventsPage(
  view: View,
  events: readonly RecordedEvent[],
  type: string | undefined,
  next: string | null,
): Markup {
  const { events: words, tasks } = view.texts;
  const titles = [words.recorded, words.type, words.source, words.subject, words.tasks];
  const rows = events.map(({ key, event, tasks, recordedAt }) => [
    html`<a href="${view.path(`/events/${key}`)}">${view.time(recordedAt)}</a>`,
    html`<a href="${hrefOf(view, "/events", { type: event.type })}">${event.type}</a>`,
    event.source,
    event.subject ?? "–",
    Object.keys(tasks).length,
  ]);
  const empty = type === undefined
    ? html`<div class="empty"><p>${words.empty}</p>${
      command("deno task cli events publish orders.paid order=7")
    }</div>`
    : html`<p class="empty">${words.noMatch} <a href="${
      view.path("/events")
    }">${words.clear}</a></p>`;
  return html`
    <form class="fields" role="search" action="${view.path("/events")}">
      <label>${words.type} <input name="type" value="${type ??
        ""}" spellcheck="false" data-key="/"></label>
      <button>${tasks.search}</button>
    </form>
    ${rows.length > 0 ? cardTable(titles, rows) : empty}
    ${nextLink(view, "/events", { type }, next)}
  `;
}

function eventPage(view: View, { key, event, tasks, recordedAt, position }: RecordedEvent): Markup {
  const { events: words } = view.texts;
  const { data, data_base64: encoded, type, source, subject, id, time, ...rest } = event;
  const mayRead = view.can("tasks:read");
  const delivered = Object.entries(tasks);
  return html`${backLink(view, "/events", words.back)}
${
    factList([
      [words.id, html`<code>${id}</code>`],
      [words.type, type],
      [words.source, source],
      [words.subject, subject ?? "–"],
      [words.time, timeOf(view, time)],
      [words.recorded, view.time(recordedAt)],
      [words.position, position],
      [words.key, html`<code>${key}</code>`],
    ])
  }
<h2>${words.tasks}</h2>
${
    delivered.length === 0
      ? html`<p>${words.noTasks}</p>`
      : html`<ul>${
        delivered.map(([subscription, task]) =>
          html`<li>${subscription}: ${mayRead ? taskLink(view, task) : task}</li>`
        )
      }</ul>`
  }
<h2>${words.data}</h2>
${
    encoded === undefined
      ? (data === undefined ? "–" : jsonBlock(view, stringifyJson(data)))
      : textBlock(view, encoded)
  }
<h2>${words.attributes}</h2>
${jsonBlock(view, stringifyJson(rest))}`;
}

/** The time that the event claims; a leap second is no time in JavaScript. */
function timeOf(view: View, time: string | undefined): Cell {
  if (time === undefined) return "–";
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? time : view.time(at);
}
