/** `/v1/dead-letters`: dead letters. */
import { type Context, Hono } from "hono";
import { validate } from "uuid";
import { z } from "zod";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import type { LetterFilter } from "../../shared/dead_letters/filter.ts";
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
import { callerOf, requireTask } from "../access/request_caller.ts";
import { parseStrict } from "../http/strict_json.ts";
import { Problem } from "../http/problem.ts";
import { parseQuery, readQuery } from "../http/query.ts";

/** Query of the list, also for the OpenAPI document. */
export const LettersQuery = LetterFilterBody.extend({
  limit: z.coerce.number().int().min(1).max(1000).describe("Letters per page; default 50"),
  cursor: z.string().max(1024).describe("`next` of the previous page"),
}).partial();

const RATE = 100;
const LIMIT = 10_000;

const NO_STORE = { "cache-control": "no-store" };

/** Dependencies of the routes. */
export interface DeadLetterParts extends Pick<ApiDependencies, "deadLetters"> {
  readonly trail: AuditTrail;
}

/** Checks that a caller that is limited to some tasks or queues changes only their letters.
 *
 * @throws {Problem} `forbidden` */
function requireLetters(c: Context, { task, queue }: LetterFilter): void {
  const caller = callerOf(c);
  if (!caller.seesEverything) requireTask(caller, { name: task ?? null, queue: queue ?? null });
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
      const id = c.req.param("letter");
      const letter = validate(id) ? await deadLetters.find(id) : undefined;
      const isSeen = letter && callerOf(c).sees({ name: letter.task, queue: letter.queue });
      if (isSeen) return c.json(letterBody(letter), 200, NO_STORE);
      throw new Problem(
        "no-dead-letter",
        `Cannot find dead letter '${
          id.slice(0, 200)
        }': it was sent again or purged, or never was (GET /v1/dead-letters lists those there are)`,
      );
    })
    .post("/dead-letters:redrive", async (c) => {
      const { filter: given, dry_run = false, rate = RATE, limit = LIMIT } = readLetterBody(
        RedriveBody,
        await body(c.req.raw),
      );
      const filter = toFilter(given);
      requireLetters(c, filter);
      if (!dry_run) await trail.begin(c, { filter: { ...given, rate, limit } });
      const matched = await deadLetters.count(filter);
      const { redriven, waiting, lastDueAt } = dry_run
        ? { redriven: 0, waiting: 0, lastDueAt: null }
        : await deadLetters.redrive(filter, { rate, limit });
      trail.count(c, redriven);
      return c.json({ dry_run, matched, redriven, waiting, last_due_at: lastDueAt }, 200, NO_STORE);
    })
    .post("/dead-letters:purge", async (c) => {
      const { filter: given, dry_run = false } = readLetterBody(PurgeBody, await body(c.req.raw));
      const filter = toFilter(given);
      requireLetters(c, filter);
      if (!dry_run) await trail.begin(c, { filter: given });
      const matched = await deadLetters.count(filter);
      const purged = dry_run ? 0 : await deadLetters.purge(filter);
      trail.count(c, purged);
      return c.json({ dry_run, matched, purged }, 200, NO_STORE);
    });
}

async function body(request: Request): Promise<unknown> {
  const text = await readJsonText(request, DEFAULT_BODY_LIMIT);
  return text === undefined ? {} : parseStrict(text);
}
