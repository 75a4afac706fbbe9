/** The languages of the page. */
import { ENGLISH, type Texts } from "./english.ts";
import { KOREAN } from "./korean.ts";

/** Languages by BCP 47 tag, the default first. */
export const LANGUAGES = ["en", "ko"] as const;

/** A language of the page. */
export type Language = typeof LANGUAGES[number];

/** The texts of each language. */
export const TEXTS: Readonly<Record<Language, Texts>> = { en: ENGLISH, ko: KOREAN };

/** Each language's own name. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: "English", ko: "한국어" };
