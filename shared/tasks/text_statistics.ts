import { z } from "zod";
import { defineTask } from "../contracts/task.ts";

const count = z.int().min(0);

/** Counts what a document of any script is made of. Runs inline: it gives way to other tasks as it goes. */
export const textStatistics = defineTask({
  name: "text.statistics",
  summary: "Counts lines, words, characters and sentences of a text in any script",
  input: z.object({
    text: z.string().max(1024 * 1024).describe("The document; at most 1,048,576 UTF-16 units"),
    top: z.int().min(0).max(100).default(10).describe(
      "How many of the most frequent words to list",
    ),
  }),
  output: z.object({
    lines: count.describe("Lines, ended by LF, CRLF or CR; the last one needs no end"),
    words: count.describe("Words, as Unicode (UAX #29) and dictionaries part them"),
    characters: count.describe("What a reader takes for one character: grapheme clusters"),
    sentences: count.describe("Sentences that hold at least one letter or digit"),
    frequent_words: z.array(z.object({ word: z.string(), count }))
      .describe("In lower case; the most frequent first, equals in the order of their code units"),
  }),
  example: { text: "Celery on Deno. Ein Satz, ein Wort: fertig! 你好，世界。", top: 3 },
});
