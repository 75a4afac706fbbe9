import type { z } from "zod";
import { textStatistics } from "../../shared/tasks/text_statistics.ts";
import type { Context } from "../running/context.ts";
import { handle } from "../handlers.ts";

type Statistics = z.input<NonNullable<typeof textStatistics.output>>;

/** Milliseconds of computing after which other tasks get their turn. */
const TURN_MS = 10;

/** Segments between two looks at the clock. */
const STRIDE = 512;

const LF = 10;
const CR = 13;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

/** Counts lines, words, characters and sentences of a text in any script. */
export const textStatisticsHandler = handle(textStatistics, countText);

async function countText(
  { text, top }: { text: string; top: number },
  { signal }: Pick<Context, "signal">,
): Promise<Statistics> {
  const turns = new Turns(signal);
  const counts = { characters: 0, words: 0, sentences: 0 };
  for (const _ of segments(text, "grapheme")) {
    if (++counts.characters % STRIDE === 0 && turns.due) await turns.pass();
  }
  const frequency = new Map<string, number>();
  let seen = 0;
  for (const { segment, isWordLike } of segments(text, "word")) {
    if (++seen % STRIDE === 0 && turns.due) await turns.pass();
    if (!isWordLike) continue;
    counts.words++;
    const word = segment.normalize().toLowerCase();
    frequency.set(word, (frequency.get(word) ?? 0) + 1);
  }
  for (const { segment } of segments(text, "sentence")) {
    if (LETTER_OR_DIGIT.test(segment)) counts.sentences++;
    if (turns.due) await turns.pass();
  }
  return { lines: countLines(text), ...counts, frequent_words: mostFrequent(frequency, top) };
}

/** The rules are Unicode's own for any language; only the dictionaries differ, and those go by script. */
function segments(text: string, granularity: "grapheme" | "word" | "sentence"): Intl.Segments {
  return new Intl.Segmenter("en", { granularity }).segment(text);
}

/** The CR of a CRLF counts, its LF does not. */
function countLines(text: string): number {
  let ends = 0;
  let last = LF;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === CR || unit === LF && last !== CR) ends++;
    last = unit;
  }
  return last === CR || last === LF ? ends : ends + 1;
}

function mostFrequent(
  frequency: ReadonlyMap<string, number>,
  top: number,
): Statistics["frequent_words"] {
  return Array.from(frequency, ([word, count]) => ({ word, count }))
    .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
    .slice(0, top);
}

/** Yields to other tasks: an inline handler must not block the worker's event loop. */
class Turns {
  readonly #signal: AbortSignal;
  #began = performance.now();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get due(): boolean {
    return performance.now() - this.#began > TURN_MS;
  }

  /** @throws the signal's reason when it aborted */
  async pass(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    this.#signal.throwIfAborted();
    this.#began = performance.now();
  }
}
