/** `/dead-letters` and below: the list of dead letters, one letter, redriving and purging. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { DeadLetters } from "../../../shared/dead_letters/store.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import {
  findLetter,
  type GivenFilter,
  type LetterParts,
  purgeLetters,
  redriveLetters,
} from "../../actions/dead_letter_actions.ts";
import { callerOf } from "../../access/request_caller.ts";
import { letterBody, LetterFilterBody, toFilter } from "../../dead_letters/dead_letter.ts";
import { refusal } from "../../http/problem.ts";
import { readForm } from "../form.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { COUNTED_MAX, letterPage, lettersPage } from "./letter_pages.ts";

/** Dependencies of the routes. */
export interface LetterRoutesParts extends LetterParts {
  readonly deadLetters: LetterParts["deadLetters"] & Pick<DeadLetters, "list" | "find">;
  readonly clock: Clock;
  readonly site: Site;
}

/** Rows of a page. */
const ROWS = 50;

/** Conditions of the page. An empty field of a form is no condition. */
const Filter = z.preprocess(
  (given) => Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== "")),
  LetterFilterBody,
);

/** All fields: one that was dropped would widen the filter. */
const LetterForm = z.looseObject({});

/** @throws {Problem} `invalid-input` */
function readFilter(given: Readonly<Record<string, unknown>>): GivenFilter {
  const parsed = Filter.safeParse(given);
  if (parsed.success) return parsed.data;
  throw refusal("the filter", parsed.error.issues, (issue) => ({
    field: [...issue.path, ...("keys" in issue ? issue.keys.slice(0, 1) : [])].join("."),
    message: issue.message,
  }));
}

/** Serves the pages of dead letters. */
export function letterRoutes(parts: LetterRoutesParts): Hono {
  const { deadLetters, clock, site } = parts;
  const filterOf = async (c: Context) => readFilter(await readForm(c, LetterForm));
  const back = (c: Context, done: string) =>
    c.redirect(new View(c, site).path(`/dead-letters?done=${done}`), 303);

  return new Hono()
    .get("/dead-letters", async (c) => {
      const { cursor, done, ...query } = c.req.query();
      const given = readFilter(query);
      const filter = toFilter(given);
      const view = new View(c, site);
      const caller = callerOf(c);
      const page = await deadLetters.list(filter, {
        limit: ROWS,
        ...(cursor !== undefined && { cursor }),
      });
      const letters = page.letters.filter(({ task, queue }) => caller.sees({ name: task, queue }));
      // The number of all would tell a limited caller about letters that it may not see.
      const matching = caller.seesEverything
        ? await deadLetters.count(filter, COUNTED_MAX + 1)
        : letters.length;
      return answerPage(c, view, {
        title: view.texts.letters.title,
        current: "/dead-letters",
        body: lettersPage(view, {
          letters,
          next: page.next,
          given,
          matching,
          now: clock.now(),
          done,
        }),
      });
    })
    .get("/dead-letters/:letter", async (c) => {
      const view = new View(c, site);
      const letter = await findLetter(c, deadLetters, c.req.param("letter"));
      return answerPage(c, view, {
        title: view.texts.letters.one,
        current: "/dead-letters",
        body: letterPage(view, letterBody(letter), clock.now()),
      });
    })
    .post("/dead-letters:redrive", async (c) => {
      await redriveLetters(c, parts, await filterOf(c));
      return back(c, "lettersRedriven");
    })
    .post("/dead-letters:purge", async (c) => {
      await purgeLetters(c, parts, await filterOf(c));
      return back(c, "lettersPurged");
    });
}
