/** `GET /` for browsers: the overview. */
import { html } from "hono/html";
import type { Registry } from "../../shared/contracts/registry.ts";
import type { TaskRecord } from "../../shared/results/result.ts";
import { LINKS, namesOf } from "../openapi/index_body.ts";
import { anchor } from "../openapi/schema_fields.ts";
import { table } from "./tasks/list_page.ts";
import { command } from "./view/parts.ts";
import type { Markup, View } from "./view/view.ts";

/** Contracts that the page lists; the reference has all. */
const CONTRACTS_SHOWN = 100;

/** Newest records of each kind. */
export interface OverviewTasks {
  /** FAILURE, of the last hour. */
  readonly failed: readonly TaskRecord[];
  /** STARTED or PROGRESS. */
  readonly running: readonly TaskRecord[];
  readonly latest: readonly TaskRecord[];
}

/** Data of the page. */
export interface Overview {
  readonly registry: Registry;
  /** Absent if the reader may not read tasks. */
  readonly tasks?: OverviewTasks;
  /** A command that submits a task. */
  readonly example: string;
}

/** Draws the page. */
export function overviewPage(view: View, { registry, tasks, example }: Overview): Markup {
  return html`${tasks ? taskParts(view, tasks, example) : ""}${contracts(view, registry)}${
    links(view)
  }`;
}

function taskParts(
  view: View,
  { failed, running, latest }: OverviewTasks,
  example: string,
): Markup {
  const { overview, tasks } = view.texts;
  if (latest.length === 0) {
    return html`<div class="empty"><p>${tasks.empty} ${tasks.emptyCommand}</p>${
      command(example)
    }</div>`;
  }
  return html`<section><h2>${overview.attention}</h2>
${
    failed.length === 0
      ? html`<p>${overview.fine}</p>`
      : html`<h3>${overview.failed}</h3>${table(view, failed)}${
        more(view, "state:failure since:1h")
      }`
  }</section>
<section><h2>${overview.running}</h2>
${
    running.length === 0
      ? html`<p>${overview.none}</p>`
      : html`${table(view, running)}${more(view, "state:started,progress")}`
  }</section>
<section><h2>${overview.latest}</h2>${table(view, latest)}${more(view, "")}</section>`;
}

function more(view: View, filter: string): Markup {
  const query = filter === "" ? "" : `?${new URLSearchParams({ q: filter })}`;
  return html`<p><a href="${view.path(`/tasks${query}`)}">${view.texts.task.back}</a></p>`;
}

function contracts(view: View, registry: Registry): Markup {
  const { overview } = view.texts;
  const names = namesOf(registry);
  const rest = names.length - CONTRACTS_SHOWN;
  return html`<section><h2>${overview.contracts}</h2><ul>${
    names.slice(0, CONTRACTS_SHOWN).map((name) => {
      const { summary } = registry.get(name) ?? {};
      return html`<li><a href="${view.path(`/docs#${anchor(`submit.${name}`)}`)}">${name}</a>${
        summary
          ? html`
            <span class="soft">${summary}</span>
          `
          : ""
      }</li>`;
    })
  }</ul>${rest > 0 ? html`<p>${overview.more(rest)}</p>` : ""}</section>`;
}

function links(view: View): Markup {
  return html`
    <section>
      <h2>${view.texts.overview.links}</h2>
      <ul>${Object.entries(LINKS).map(([path, text]) =>
        html`<li><a href="${
          view.path(path)
        }">${path}</a> <span class="soft" lang="en">${text}</span></li>`
      )}</ul>
    </section>
  `;
}
