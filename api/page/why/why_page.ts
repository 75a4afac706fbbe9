/** `GET /tasks/{id}/why` of the page, and its place on the page of a task. */
import { html } from "hono/html";
import type { State } from "../../../shared/results/result.ts";
import { ENGLISH, wordingOf, type Words } from "../../explaining/wording.ts";
import type { Explanation } from "../../routes/why.ts";
import type { Language } from "../texts/languages.ts";
import { backLink } from "../view/parts.ts";
import type { Markup, View } from "../view/view.ts";
import { KOREAN_WORDS } from "./korean_words.ts";

/** The words of each language. */
const WORDS: Readonly<Record<Language, Words>> = { en: ENGLISH, ko: KOREAN_WORDS };

/** States of tasks that may never run, or not yet. */
const WAITING: ReadonlySet<State> = new Set(["PENDING", "RETRY"]);

/** Encloses a time in a sentence. */
const MARK = "\u0001";

/** Draws the answer. */
export function whyPage(view: View, id: string, explanation: Explanation): Markup {
  const path = `/tasks/${encodeURIComponent(id)}`;
  return html`
    ${backLink(view, path, view.texts.why.back)}
    <p><code>${id}</code></p>
    ${answer(view, explanation)}
  `;
}

/** The part of the page of a task: a link, which the script of the page replaces by the answer. It is read again when the task changes.
 * Without `hx-morph-skip` each change would remove the answer first. */
export function whyPart(view: View, id: string, state: State): Markup {
  if (!WAITING.has(state)) return html``;
  const path = view.path(`/tasks/${encodeURIComponent(id)}/why`);
  const { why } = view.texts;
  return html`
    <section id="why">
      <h2>${why.title}</h2>
      <div id="answer" hx-morph-skip hx-get="${path}" hx-select=".reasons" hx-swap="innerHTML"
        hx-trigger="load, changed from:#live throttle:2s">
        <p><a href="${path}">${why.ask}</a></p>
      </div>
    </section>
  `;
}

function answer(view: View, { reasons, facts }: Explanation): Markup {
  const unread = facts?.unread ?? [];
  return html`<div class="reasons"><ol>${
    reasons.map((reason) => {
      const words = WORDS[view.preference.language];
      const time = (at: Date) => `${MARK}${at.toISOString()}${MARK}`;
      const { sentence, remedy } = wordingOf(reason, { words, time });
      return html`<li data-reason="${reason.code}"><p>${proseOf(view, sentence)}</p>${
        remedy === null ? "" : html`
          <p class="soft">${proseOf(view, remedy)}</p>
        `
      }</li>`;
    })
  }</ol>${
    unread.length === 0 ? "" : html`
      <p class="warning">${view.texts.why.unread}</p>
      <ul>${unread.map(({ fact, reason }) => html`<li lang="en">${fact}: ${reason}</li>`)}</ul>
    `
  }</div>`;
}

/** A sentence with its times in the reader's zone, and its commands as code. */
function proseOf(view: View, text: string): Markup {
  const parts = text.split(MARK).map((part, index) => {
    const at = index % 2 === 1 ? new Date(part) : undefined;
    if (at && !Number.isNaN(at.getTime())) return view.time(at);
    return html`${
      part.split("`").map((piece, place) => place % 2 === 1 ? html`<code>${piece}</code>` : piece)
    }`;
  });
  return html`${parts}`;
}
