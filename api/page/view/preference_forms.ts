/** Forms for language, theme and time zone. */
import { html, raw } from "hono/html";
import { LANGUAGE_NAMES, LANGUAGES } from "../texts/languages.ts";
import { THEMES, ZONES } from "./preferences.ts";
import { DEFAULT_TIME_ZONE } from "./settings.ts";
import type { Markup, View } from "./view.ts";

/** Draws the forms: they work without a script, and one button changes the theme directly. */
export function preferenceForms(view: View): Markup {
  const { preference, texts, site } = view;
  const { preferences } = texts;
  const zoneName = {
    default: site.timeZone ?? DEFAULT_TIME_ZONE,
    UTC: "UTC",
    browser: preferences.browserZone,
  };
  const next = preference.theme === "dark" ? "light" : "dark";
  return html`
    <form class="theme" method="post" action="${view.path("/preferences")}">
      <input type="hidden" name="next" value="${view.here}">
      <button name="theme" value="${next}" data-key="t" title="${preferences.toggleTheme}"
        aria-label="${preferences.toggleTheme}">◐</button>
    </form>
    <details class="preferences">
      <summary>${preferences.title}</summary>
      <form method="post" action="${view.path("/preferences")}">
    <input type="hidden" name="next" value="${view.here}">
    ${selection("language", preferences.language, LANGUAGES, preference.language, LANGUAGE_NAMES)}
    ${selection("theme", preferences.theme, THEMES, preference.theme, preferences.themes)}
    ${selection("zone", preferences.zone, ZONES, preference.zone, zoneName)}
    <button>${preferences.apply}</button>
      </form>
    </details>
  `;
}

function selection<Value extends string>(
  name: string,
  title: string,
  values: readonly Value[],
  chosen: Value,
  names: Readonly<Record<Value, string>>,
): Markup {
  return html`<label>${title} <select name="${name}">${
    values.map((value) =>
      html`
        <option value="${value}" ${raw(
          value === chosen ? " selected" : "",
        )}>${names[value]}</option>
      `
    )
  }</select></label>`;
}
