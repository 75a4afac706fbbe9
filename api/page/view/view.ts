/** Everything that drawing a page needs besides its data. */
import type { Context } from "hono";
import { html } from "hono/html";
import type { Caller } from "../../access/caller.ts";
import { callerIfKnown } from "../../access/request_caller.ts";
import { isReading, type Scope } from "../../access/scopes.ts";
import type { Texts } from "../texts/english.ts";
import { TEXTS } from "../texts/languages.ts";
import { type Preference, preferencesOf } from "./preferences.ts";
import { DEFAULT_TIME_ZONE, type PageSettings } from "./settings.ts";

/** Escaped HTML. */
export type Markup = ReturnType<typeof html>;

/** Facts about the API that every page shows. */
export interface Site extends PageSettings {
  /** Whether requests need credentials. */
  readonly secured: boolean;
  readonly version: string;
}

/** `2026-11-30 09:00:00 GMT+9` in every language: Swedish writes times like ISO 8601. The script of the page does the same. */
const LOCALE = "sv";

const FIELDS = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
} as const;

/** The reader of a page, its language and its rights. */
export class View {
  readonly site: Site;
  readonly preference: Preference;
  /** Absent on pages for everyone, such as the one to sign in. */
  readonly caller: Caller | undefined;
  /** Path of the request with its query, to come back to. */
  readonly here: string;
  #format: Intl.DateTimeFormat | undefined;

  constructor(c: Context, site: Site) {
    this.site = site;
    this.preference = preferencesOf(c);
    this.caller = callerIfKnown(c);
    const { pathname, search } = new URL(c.req.url);
    this.here = pathname + search;
  }

  /** Texts in the reader's language. */
  get texts(): Texts {
    return TEXTS[this.preference.language];
  }

  /** Whether the reader has a scope, and the page lets it be used. */
  can(scope: Scope): boolean {
    if (this.site.readOnly && !isReading(scope)) return false;
    return this.caller?.has(scope) ?? false;
  }

  /** A path as browsers see it: below the base path. */
  path(path: string): string {
    return `${this.site.basePath ?? ""}${path}`;
  }

  /** IANA name of the zone in which the server writes times. */
  get zone(): string {
    const { zone } = this.preference;
    return zone === "default" ? this.site.timeZone ?? DEFAULT_TIME_ZONE : "UTC";
  }

  /** A time in the reader's zone, which its text names; a dash for `null`. */
  time(at: Date | null): Markup {
    if (at === null) return html`<span class="soft">–</span>`;
    this.#format ??= new Intl.DateTimeFormat(LOCALE, {
      ...FIELDS,
      timeZone: this.zone,
    });
    return html`<time datetime="${at.toISOString()}">${this.#format.format(at)}</time>`;
  }
}
