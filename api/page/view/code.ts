/** Stored text on a page, in limited length: it can have many MiB.
 * @module
 */
import { html } from "hono/html";
import { indented } from "./indent.ts";
import type { Markup, View } from "./view.ts";

/** Characters of a text that a page shows. */
const SHOWN = 100_000;

/** Characters of a text within a line. */
const SHOWN_INLINE = 2_000;

/** A block of text as it is. */
export function textBlock(view: View, text: string): Markup {
  return block(view, text, text.length > SHOWN);
}

/** A block of JSON, indented. */
export function jsonBlock(view: View, json: string): Markup {
  return block(view, indented(json.slice(0, SHOWN)), json.length > SHOWN);
}

function block({ texts }: View, text: string, isCut: boolean): Markup {
  const note = isCut || text.length > SHOWN
    ? html`<p class="soft">${texts.task.cut(SHOWN)}</p>`
    : "";
  return html`<pre tabindex="0"><code>${text.slice(0, SHOWN)}</code></pre>${note}`;
}

/** The beginning of a text, for a place within a line.
 *
 * @example
 * ```ts
 * import { beginning } from "./code.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(beginning("short"), "short");
 * assertEquals(beginning("x".repeat(3000)).length, 2001);
 * ```
 */
export function beginning(text: string): string {
  return text.length > SHOWN_INLINE ? `${text.slice(0, SHOWN_INLINE)}…` : text;
}
