import { assert, assertEquals, assertRejects } from "@std/assert";
import { textStatistics } from "../../../shared/tasks/text_statistics.ts";
import { textStatisticsHandler } from "../../../workers/tasks/text_statistics.ts";
import { context, readText } from "./fixtures.ts";

async function statistics(text: string, top = 10) {
  return await textStatisticsHandler.run(textStatistics.input.parse({ text, top }), context());
}

/** By PyICU (words, sentences, frequent words) and Python's `regex` (characters). */
const FIGURES = {
  english: {
    lines: 92,
    words: 1753,
    characters: 10638,
    sentences: 102,
    top: "the 121, and 106, of 91",
  },
  thai: { lines: 90, words: 2331, characters: 7452, sentences: 90, top: "และ 107, การ 91, จะ 75" },
  chinese: {
    lines: 90,
    words: 1533,
    characters: 2833,
    sentences: 100,
    top: "的 131, 和 74, 自由 31",
  },
  arabic: {
    lines: 91,
    words: 1332,
    characters: 7540,
    sentences: 103,
    top: "في 54, أو 45, الحق 30",
  },
  korean: {
    lines: 92,
    words: 1186,
    characters: 4716,
    sentences: 106,
    top: "모든 44, 권리를 34, 가진다 33",
  },
  hindi: { lines: 92, words: 1961, characters: 6808, sentences: 110, top: "के 84, और 82, को 64" },
};

for (const [language, expected] of Object.entries(FIGURES)) {
  Deno.test(`text.statistics counts as ICU does when the text is in ${language}`, async () => {
    const found = await statistics(await readText(`texts/${language}.txt`), 3);
    const { frequent_words, ...counts } = found;
    const top = frequent_words.map(({ word, count }) => `${word} ${count}`).join(", ");
    assertEquals({ ...counts, top }, expected);
    assertEquals(textStatistics.output?.parse(found), found);
  });
}

Deno.test("text.statistics counts nothing when the text is empty", async () => {
  assertEquals(await statistics(""), {
    lines: 0,
    words: 0,
    characters: 0,
    sentences: 0,
    frequent_words: [],
  });
});

Deno.test("text.statistics counts each kind of line end as one", async () => {
  for (
    const [text, lines] of [["a", 1], ["a\n", 1], ["a\r\nb\rc\nd", 4], ["\n\n", 2], [
      "\r",
      1,
    ]] as const
  ) {
    assertEquals((await statistics(text)).lines, lines, JSON.stringify(text));
  }
});

Deno.test("text.statistics counts a grapheme cluster as one character", async () => {
  for (const text of ["👩‍👩‍👧‍👦", "🇩🇪", "e\u0301", "한", "\r\n"]) {
    assertEquals((await statistics(text)).characters, 1, text);
  }
});

Deno.test("text.statistics counts a word once whatever its case and composition", async () => {
  const { frequent_words } = await statistics("Été ÉTÉ e\u0301te\u0301 hiver");
  assertEquals(frequent_words, [{ word: "été", count: 3 }, { word: "hiver", count: 1 }]);
});

Deno.test("text.statistics lists the requested number of words, ties in a fixed order", async () => {
  const { frequent_words } = await statistics("d c b a a", 3);
  assertEquals(frequent_words.map(({ word }) => word), ["a", "b", "c"]);
  assertEquals((await statistics("a", 0)).frequent_words, []);
});

Deno.test("text.statistics yields to other tasks while it counts 1 MiB", async () => {
  const text = "lorem ipsum ".repeat(80_000);
  let turns = 0;
  const interval = setInterval(() => turns++);
  assertEquals((await statistics(text)).words, 160_000);
  clearInterval(interval);
  assert(turns >= 3, `${turns} turns`);
});

Deno.test("text.statistics ends early when its signal aborts", async () => {
  const reason = new Error("enough");
  const input = { text: "lorem ipsum ".repeat(80_000), top: 1 };
  const run = async () =>
    await textStatisticsHandler.run(input, context(AbortSignal.abort(reason)));
  assertEquals(await assertRejects(run, Error), reason);
});
