/** `/v1/dead-letters`: dead letters. */
import { Hono } from "hono";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { readJsonText } from "../http/body.ts";
import {
  letterBody,
  LetterFilterBody,
  PurgeBody,
  readLetterBody,
  RedriveBody,
  summaryBody,
  toFilter,
} from "../dead_letters/dead_letter.ts";
import type { ApiDependencies } from "../dependencies.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import { callerOf } from "../access/request_caller.ts";
import {
  findLetter,
  LIMIT,
  purgeLetters,
  RATE,
  redriveLetters,
} from "../actions/dead_letter_actions.ts";
import { parseStrict } from "../http/strict_json.ts";
import { parseQuery, readQuery } from "../http/query.ts";

/** Query of the list, also for the OpenAPI document. */
export const LettersQuery = LetterFilterBody.extend({
  limit: z.coerce.number().int().min(1).max(1000).describe("Letters per page; default 50"),
  cursor: z.string().max(1024).describe("`next` of the previous page"),
}).partial();

const NO_STORE = { "cache-control": "no-store" };

/** Dependencies of the routes. */
export interface DeadLetterParts extends Pick<ApiDependencies, "deadLetters"> {
  readonly trail: AuditTrail;
}

/** Lists, shows, redrives and purges dead letters. */
export function deadLetterRoutes({ deadLetters, trail }: DeadLetterParts): Hono {
  return new Hono()
    .get("/dead-letters", async (c) => {
      const { limit = 50, cursor, ...filter } = parseQuery(LettersQuery, c.req.queries());
      const page = await deadLetters.list(toFilter(filter), {
        limit,
        ...(cursor !== undefined && { cursor }),
      });
      const caller = callerOf(c);
      const letters = page.letters.filter(({ task, queue }) => caller.sees({ name: task, queue }));
      return c.json(
        { dead_letters: letters.map(summaryBody), next: page.next },
        200,
        NO_STORE,
      );
    })
    .get("/dead-letters/:letter", async (c) => {
      readQuery(c.req.queries(), []);
      const letter = await findLetter(c, deadLetters, c.req.param("letter"));
      return c.json(letterBody(letter), 200, NO_STORE);
    })
    .post("/dead-letters:redrive", async (c) => {
      const { filter: given, dry_run = false, rate = RATE, limit = LIMIT } = readLetterBody(
        RedriveBody,
        await body(c.req.raw),
      );
      const { matched, redriven, waiting, lastDueAt } = await redriveLetters(
        c,
        { deadLetters, trail },
        given,
        { rate, limit, isDryRun: dry_run },
      );
      return c.json({ dry_run, matched, redriven, waiting, last_due_at: lastDueAt }, 200, NO_STORE);
    })
    .post("/dead-letters:purge", async (c) => {
      const { filter: given, dry_run = false } = readLetterBody(PurgeBody, await body(c.req.raw));
      const { matched, purged } = await purgeLetters(c, { deadLetters, trail }, given, {
        isDryRun: dry_run,
      });
      return c.json({ dry_run, matched, purged }, 200, NO_STORE);
    });
}

async function body(request: Request): Promise<unknown> {
  const text = await readJsonText(request, DEFAULT_BODY_LIMIT);
  return text === undefined ? {} : parseStrict(text);
}
