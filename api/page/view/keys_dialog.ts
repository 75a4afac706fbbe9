/** The list of keys. */
import { html } from "hono/html";
import type { Markup, View } from "./view.ts";

/** Draws the button that opens the list. Only a script opens it, because only a script handles the keys. */
export function keysButton({ texts }: View): Markup {
  return html`
    <button type="button" hidden data-scripted data-dialog="keys"
      data-key="?">${texts.keys.title} <kbd>?</kbd></button>
  `;
}

/** Draws the list, closed. */
export function keysDialog({ texts }: View): Markup {
  const { keys } = texts;
  const rows: readonly (readonly [key: string, text: string])[] = [
    ["/", keys.search],
    ["j k", keys.move],
    ["x", keys.check],
    ["Enter", keys.open],
    ["r", keys.refresh],
    ["c", keys.cancel],
    ["g", keys.go],
    ["t", keys.theme],
    ["?", keys.help],
  ];
  return html`
    <dialog id="keys" aria-labelledby="keys-title">
      <h2 id="keys-title">${keys.title}</h2>
      <dl class="keys">${rows.map(([key, text]) =>
        html`
          <div>
            <dt>${key.split(" ").map((one) =>
              html`
                <kbd>${one}</kbd>
              `
            )}</dt>
            <dd>${text}</dd>
          </div>
        `
      )}</dl>
      <form method="dialog"><button>${keys.close}</button></form>
    </dialog>
  `;
}
