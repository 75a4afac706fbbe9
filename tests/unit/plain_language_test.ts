/** The pages, help texts, problems and errors are plain technical English: the worst habits of earlier texts are rejected. */
import { assertEquals } from "@std/assert";
import { PROBLEMS } from "../../api/http/problem.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { help, overview } from "../../cli/help.ts";
import { SETTINGS } from "../../shared/config/settings.ts";
import { pages } from "../support/documentation.ts";
import { readModules } from "../support/modules.ts";

/** What no text may contain, with the reason. A quoted text (`code`) is not checked. */
const REJECTED: readonly (readonly [RegExp, string])[] = [
  [
    /(?<=^|[.;] )what (?:is|are|was|were|has|had|comes|came|goes|waits|waited|fails|failed|follows|runs|ran)\b(?![^?.;|\n]*\?)/gim,
    'use the noun: "pending messages", not "what waits"',
  ],
  [/\bwhoever\b|\bwho leads\b/gi, 'use the noun: "the leader"'],
  [
    /\b(?:tells?|told)\b(?! (?:apart|you))/gi,
    "programs log, report, send and return; they do not tell",
  ],
  [/\b(?:hears?|heard|unheard|deaf)\b/gi, "programs receive; they do not hear"],
  [/\b(?:mends?|mended)\b/gi, "the word is fix or recover"],
  [/\bwants\b/gi, "things need or require; they do not want"],
  [/\bof (?:ours|its own|theirs|people)\b/gi, 'say whose: "our queues", "a user\'s schedules"'],
  [/\bin hand\b/gi, "the words are in flight and unacked"],
  [/\balike\b/gi, 'say "the same", "unique" or "both"'],
  [/\bset(?:s|ting)? aside\b/gi, "the verb is dead-letter"],
  [/\b(?:hand-outs?|hand(?:s|ed)? out)\b/gi, "the broker delivers and redelivers"],
  [/\bwith commas\b/gi, "the word is comma-separated"],
  [/\bno good\b|\bdoes not fit\b|\bdo not fit\b/gi, "the word is invalid"],
  [/\bfor so long\b|\bso much later\b|\bso many a\b/gi, "name the quantity"],
  [/\bcall(?:s|ed)? (?:it|them|a task|tasks) off\b|\bcalled off\b/gi, "the verb is revoke"],
  [
    /\bCannot [^.:]*\bas (?:it|there|they|this|no|of)\b/g,
    '"as" reads as "while": write "because"',
  ],
];

/** Words of a sentence that a reader still takes in at once. The aim is 25. */
const LONGEST_SENTENCE = 30;

/** The prose of a page: without code, addresses and line breaks within a paragraph. */
function prose(markdown: string): string {
  return markdown
    .replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "")
    .replaceAll(/`[^`]*`/g, "`code`")
    .replaceAll(/\]\([^)]*\)/g, "]")
    .replaceAll(/(?<=[^\n|])\n(?=[^\n|#-])/g, " ");
}

function findings(name: string, text: string): string[] {
  return REJECTED.flatMap(([pattern, reason]) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) =>
      `${name}: "${text.slice(Math.max(0, index - 30), index)}${found}": ${reason}`
    )
  );
}

Deno.test("README, CONTRIBUTING and docs/ are plain", async () => {
  const written = await pages();
  assertEquals([...written].flatMap(([page, text]) => findings(page, prose(text))), []);
});

Deno.test("no sentence of the pages has more than 30 words, up to a colon or semicolon", async () => {
  const long = [...await pages()].flatMap(([page, text]) =>
    prose(text).split(/(?<=[.?!;:])\s+|\n|\|/).filter((sentence) =>
      sentence.trim().split(/\s+/).length > LONGEST_SENTENCE
    ).map((sentence) => `${page}: ${sentence.trim()}`)
  );
  assertEquals(long, []);
});

Deno.test("the help of every setting and command is plain", async () => {
  const commands = await Promise.all([...COMMANDS].map(async ([name, load]) => {
    return [name, help(name, await load())] as const;
  }));
  const settings = Object.values(SETTINGS).map(({ env, help }) => [env, help] as const);
  const texts = [["overview", overview()] as const, ...settings, ...commands];
  assertEquals(
    texts.flatMap(([name, text]) => findings(name, text.replaceAll(/`[^`]*`/g, ""))),
    [],
  );
});

Deno.test("the titles of problems are plain", () => {
  assertEquals(Object.entries(PROBLEMS).flatMap(([kind, { title }]) => findings(kind, title)), []);
});

Deno.test("errors that start with `Cannot` are plain", async () => {
  const modules = [...(await readModules(new URL("../../", import.meta.url))).values()];
  const errors = modules.filter(({ path }) => !path.startsWith("tests/")).flatMap(
    ({ path, text }) =>
      [...text.matchAll(/["'`](Cannot [^`\n]*)/g)].map(([, error = ""]) => [path, error] as const),
  );
  assertEquals(errors.length > 100, true);
  assertEquals(errors.flatMap(([path, error]) => findings(path, error)), []);
});
