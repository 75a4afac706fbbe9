/** Draws the list of tasks to try, and the form of one. */
import { html, raw } from "hono/html";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import type { FieldError } from "../../http/problem.ts";
import { newPress, PRESS_FIELD } from "../press.ts";
import { backLink, cardTable, command } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";
import type { Calls } from "./calls.ts";
import { type InputField, textOf } from "./input_fields.ts";

/** Draws the list. */
export function tryListPage(view: View, contracts: readonly TaskContract[]): Markup {
  const { trying, tasks } = view.texts;
  if (contracts.length === 0) return html`<p class="empty">${trying.none}</p>`;
  return html`<p class="soft">${trying.explanation}</p>${
    cardTable(
      [trying.task, trying.summary, tasks.queue],
      contracts.map(({ name, summary, queue }) => [
        html`<a href="${tryPath(view, name)}">${name}</a>`,
        summary ?? "–",
        queue,
      ]),
    )
  }`;
}

/** Path of the form of a task, as browsers see it. */
export function tryPath(view: View, name: string): string {
  return view.path(`/try/${encodeURIComponent(name)}`);
}

/** Data of the form. */
export interface TryPage {
  readonly contract: TaskContract;
  readonly fields: readonly InputField[];
  /** Text of each field by its name. */
  readonly textFor: (name: string) => string;
  /** Seconds as the reader wrote them. */
  readonly delay: string;
  readonly errors: readonly FieldError[];
  /** Absent while the fields cannot be read. */
  readonly calls: Calls | undefined;
  /** The task whose arguments the form contains, and names of those that its record lacks. */
  readonly copied?: { readonly id: string; readonly redacted: readonly string[] } | undefined;
}

/** Draws the form. The part `#calls` follows the fields as the reader writes; without a script a button shows it. */
export function tryPage(view: View, page: TryPage): Markup {
  const { contract, fields, textFor, delay, errors, calls, copied } = page;
  const { trying } = view.texts;
  const path = tryPath(view, contract.name);
  return html`
    ${backLink(view, "/try", trying.back)}
    ${contract.summary ? html`<p>${contract.summary}</p>` : ""}
    ${copied === undefined
      ? ""
      : html`<p class="notice">${trying.copied(copied.id)}${
        copied.redacted.length === 0 ? "" : ` ${trying.redacted(copied.redacted.join(", "))}`
      }</p>`}
    <form id="try" class="narrow" method="post" action="${path}">
      <input type="hidden" name="${PRESS_FIELD}" value="${newPress()}" autocomplete="off">
    ${copied === undefined ? "" : html`<input type="hidden" name="from" value="${copied.id}">`}
    ${fields.length === 0 ? html`<p class="soft">${trying.noInput}</p>` : ""}
    ${fields.map((field) => inputPart(view, field, textFor(field.name), errors))}
      <label>${trying
        .delay} <input name="delay" inputmode="decimal" value="${delay}" spellcheck="false"></label>
      <div class="actions">
        <button class="primary" name="action" value="submit">${trying.submit}</button>
        <button name="action" value="show">${trying.show}</button>
      </div>
    </form>
    <section id="calls" hx-post="${path}" hx-include="#try" hx-vals="${JSON.stringify({
      action: "show",
    })}"
      hx-trigger="input from:#try delay:500ms" hx-select="#calls" hx-target="#calls"
      hx-swap="outerHTML">
    ${errors.length === 0 ? "" : html`
      <div class="warning" role="alert">
        <p>${trying.invalid}</p>
        <ul lang="en">${errors.map(({ field, message }) =>
          html`<li><code>${field}</code>: ${message}</li>`
        )}</ul>
      </div>
    `}
    ${calls === undefined ? "" : html`
      <h2>${trying.calls}</h2>
      <h3>curl</h3>
      ${command(calls.curl)}
      <h3>TypeScript</h3>
      ${command(calls.typescript)}
      <h3>Python</h3>
      ${command(calls.python)}
    `}
    </section>
  `;
}

function inputPart(
  view: View,
  field: InputField,
  text: string,
  errors: readonly FieldError[],
): Markup {
  const { trying } = view.texts;
  const { name, kind, isRequired, description, fallback } = field;
  const id = `input-${name}`;
  const isWrong = errors.some((error) =>
    error.field === `kwargs.${name}` || error.field.startsWith(`kwargs.${name}.`)
  );
  const hints = [
    ...(isRequired ? [] : [trying.optional]),
    ...(kind === "json" ? [trying.json] : []),
    ...(fallback === undefined ? [] : [trying.fallback(JSON.stringify(fallback))]),
  ];
  return html`<div class="field">
<label for="${id}"><code>${name}</code>${
    hints.length === 0 ? "" : html`
      <span class="soft">${hints.join(", ")}</span>
    `
  }</label>
${control(view, field, text, { id, isWrong })}
${description ? html`<p id="${id}-hint" class="soft">${description}</p>` : ""}
</div>`;
}

function control(
  view: View,
  { name, kind, choices, isRequired, description }: InputField,
  text: string,
  { id, isWrong }: { readonly id: string; readonly isWrong: boolean },
): Markup {
  const { trying } = view.texts;
  const common = html`id="${id}" name="input.${name}"${
    description
      ? html`
        aria-describedby="${id}-hint"
      `
      : ""
  }${isWrong ? raw(' aria-invalid="true"') : ""}`;
  switch (kind) {
    case "choice":
    case "flag": {
      const values = kind === "flag" ? ["true", "false"] : choices;
      const options = [...(isRequired ? [] : [""]), ...values];
      return html`<select ${common}>${
        options.map((value) =>
          html`
            <option value="${value}" ${raw(value === text ? " selected" : "")}>${value === ""
              ? trying.unset
              : value}</option>
          `
        )
      }</select>`;
    }
    case "long":
    case "json":
      return html`<textarea ${common} rows="4" spellcheck="false">
${text}</textarea>`;
    case "number":
      return html`<input ${common} inputmode="decimal" value="${text}" spellcheck="false">`;
    case "text":
      return html`<input ${common} value="${text}" spellcheck="false">`;
  }
}

/** Texts for values of a task.
 *
 * @param kwargs arguments by name */
export function textsFor(
  fields: readonly InputField[],
  kwargs: Readonly<Record<string, unknown>>,
): (name: string) => string {
  const byName = new Map(fields.map((field) => [field.name, field]));
  return (name) => {
    const field = byName.get(name);
    return field && Object.hasOwn(kwargs, name) ? textOf(field, kwargs[name]) : "";
  };
}
