/** Language, theme and time zone of a reader: cookies, so that pages need no script for them. */
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { accepts } from "hono/accepts";
import { z } from "zod";
import { LANGUAGES } from "../texts/languages.ts";

/** Themes; `auto` follows the system. */
export const THEMES = ["auto", "light", "dark"] as const;

/** Zones besides the one of the settings. `browser` is the zone of the reader's system, and needs the script. */
export const ZONES = ["default", "UTC", "browser"] as const;

/** All preferences. */
export const Preferences = z.object({
  language: z.enum(LANGUAGES),
  theme: z.enum(THEMES),
  zone: z.enum(ZONES),
});

/** Preferences of a reader. */
export type Preference = z.output<typeof Preferences>;

const YEAR_SECONDS = 366 * 86_400;

const cookieName = (name: string) => `celeriac-${name}`;

/** Reads the preferences of a request; missing or invalid ones get their defaults. The language defaults to the browser's. */
export function preferencesOf(c: Context): Preference {
  const read = <Name extends keyof Preference>(name: Name): Preference[Name] | undefined =>
    Preferences.shape[name].safeParse(getCookie(c, cookieName(name))).data as
      | Preference[Name]
      | undefined;
  const accepted = accepts(c, {
    header: "Accept-Language",
    supports: [...LANGUAGES],
    default: "en",
    match: (accepted, { supports, default: fallback }) =>
      accepted.toSorted((a, b) => b.q - a.q)
        .map(({ type }) => type.toLowerCase().split("-")[0]!)
        .find((type) => supports.includes(type)) ?? fallback,
  }) as Preference["language"];
  return {
    language: read("language") ?? accepted,
    theme: read("theme") ?? "auto",
    zone: read("zone") ?? "default",
  };
}

/** Stores preferences for a year. */
export function storePreferences(
  c: Context,
  given: { readonly [Name in keyof Preference]?: Preference[Name] | undefined },
): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    setCookie(c, cookieName(name), value, {
      path: "/",
      sameSite: "Lax",
      httpOnly: true,
      maxAge: YEAR_SECONDS,
    });
  }
}
