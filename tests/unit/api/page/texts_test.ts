import { assert, assertEquals } from "@std/assert";
import { LANGUAGES, TEXTS } from "../../../../api/page/texts/languages.ts";

/** Texts that are the same in every language. */
const SAME = ["product", "tasks.id"];

/** Every key with its text. Functions are called with values that show up in their texts. */
function flattened(table: object, prefix = ""): [key: string, text: string][] {
  return Object.entries(table).flatMap(([key, value]): [string, string][] => {
    const path = prefix + key;
    if (typeof value === "object") return flattened(value, `${path}.`);
    if (typeof value === "function") {
      return [[path, (value as (...values: string[]) => string)("7", "8")]];
    }
    return [[path, value]];
  });
}

const english = flattened(TEXTS.en);

for (const language of LANGUAGES) {
  Deno.test(`the texts in ${language} have all keys and no empty text`, () => {
    const texts = flattened(TEXTS[language]);
    assertEquals(texts.map(([key]) => key), english.map(([key]) => key));
    assertEquals(texts.filter(([, text]) => text.trim() === ""), []);
  });

  Deno.test(`the texts in ${language} contain their values`, () => {
    for (const [key, text] of flattened(TEXTS[language])) {
      const [, english_ = ""] = english.find(([one]) => one === key)!;
      assertEquals(text.includes("7"), english_.includes("7"), `${key}: ${text}`);
      assertEquals(text.includes("8"), english_.includes("8"), `${key}: ${text}`);
    }
  });

  if (language === "en") continue;
  Deno.test(`the texts in ${language} are translated`, () => {
    const own = new Map(flattened(TEXTS[language]));
    const copied = english.filter(([key, text]) => own.get(key) === text && !SAME.includes(key));
    assertEquals(copied, []);
    assert(own.size > 50);
  });
}
