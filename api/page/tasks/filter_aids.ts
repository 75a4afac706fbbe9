/** Aids for the filter of the list of tasks: suggested conditions, and views that the browser saves. */
import { html } from "hono/html";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import type { TaskRecord } from "../../../shared/results/result.ts";
import type { Markup, View } from "../view/view.ts";

/** Suggestions of each kind. */
const EACH_MAX = 50;

/** Names of labels that a filter can have. */
const LABEL = /^[\w.-]{1,100}$/;

/** What suggestions are taken from: nothing is read for them. */
export interface Known {
  /** Contracts that the reader may see. */
  readonly contracts: readonly Pick<TaskContract, "name" | "queue">[];
  /** Records on the page. */
  readonly records: readonly TaskRecord[];
  /** Texts of states. */
  readonly states: readonly string[];
}

/** Conditions for the contracts and for the records on the page, each once.
 *
 * @example
 * ```ts
 * import { suggestedConditions } from "./filter_aids.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const contracts = [{ name: "mail.send", queue: "mail" }];
 * assertEquals(suggestedConditions({ contracts, records: [], states: ["failure"] }), [
 *   "state:failure",
 *   "name:mail.send",
 *   "queue:mail",
 * ]);
 * ```
 */
export function suggestedConditions({ contracts, records, states }: Known): string[] {
  const names = [...contracts, ...records].map(({ name }) => name);
  const queues = [...contracts, ...records].map(({ queue }) => queue);
  const labels = records.flatMap((record) => Object.keys(record.labels ?? {}));
  return [
    ...states.map((state) => `state:${state}`),
    ...conditions("name", names),
    ...conditions("queue", queues),
    ...conditions("worker", records.map(({ worker }) => worker)),
    ...[...new Set(labels)].filter((name) => LABEL.test(name)).slice(0, EACH_MAX)
      .map((name) => `label.${name}:`),
  ];
}

function conditions(key: string, values: readonly (string | null | undefined)[]): string[] {
  const known = new Set(values.filter((value) => value && !value.includes('"')) as string[]);
  return [...known].slice(0, EACH_MAX).map((value) =>
    `${key}:${/[\s,]/.test(value) ? `"${value}"` : value}`
  );
}

/** The options of the field with the id `filter`. Each is a whole filter: the present one with one more condition.
 *
 * The script replaces the present filter by what the reader has typed. */
export function suggestions(text: string, known: Known): Markup {
  const before = text.trim() === "" ? "" : `${text.trim()} `;
  return html`
    <datalist id="suggestions">${suggestedConditions(known).map((condition) =>
      html`<option value="${before}${condition}" data-condition="${condition}"></option>`
    )}</datalist>
  `;
}

/** Views that the browser saves. Hidden without scripts, where a bookmark does the same. */
export function savedViews({ texts }: View): Markup {
  const { views } = texts;
  return html`
    <div id="views" hidden data-remove="${views.remove}">
      <ul class="chips" aria-label="${views.title}"></ul>
      <details>
        <summary>${views.open}</summary>
        <form
          class="fields"><label>${views
            .name} <input name="name" maxlength="60" required autocomplete="off"></label>
    <button>${views.save}</button></form>
        <p class="soft">${views.where}</p>
      </details>
    </div>
  `;
}
