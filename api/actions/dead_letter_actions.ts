/** Reads and changes dead letters on behalf of a request. */
import type { Context } from "hono";
import { validate } from "uuid";
import type { z } from "zod";
import type { LetterFilter } from "../../shared/dead_letters/filter.ts";
import type { StoredLetter } from "../../shared/dead_letters/row.ts";
import type { DeadLetters, Redriven } from "../../shared/dead_letters/store.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import { callerOf, requireTask } from "../access/request_caller.ts";
import { type LetterFilterBody, toFilter } from "../dead_letters/dead_letter.ts";
import { Problem } from "../http/problem.ts";

/** Messages per second of a redrive. */
export const RATE = 100;

/** Letters of a redrive. */
export const LIMIT = 10_000;

/** Dependencies of changes. */
export interface LetterParts {
  readonly deadLetters: Pick<DeadLetters, "count" | "redrive" | "purge">;
  readonly trail: AuditTrail;
}

/** A filter as requests give it. */
export type GivenFilter = z.output<typeof LetterFilterBody>;

/** Checks that a caller that is limited to some tasks or queues changes only their letters.
 *
 * @throws {Problem} `forbidden` */
function requireLetters(c: Context, { task, queue }: LetterFilter): void {
  const caller = callerOf(c);
  if (!caller.seesEverything) requireTask(caller, { name: task ?? null, queue: queue ?? null });
}

/** Finds a letter that the caller may see.
 *
 * @throws {Problem} `no-dead-letter` */
export async function findLetter(
  c: Context,
  deadLetters: Pick<DeadLetters, "find">,
  id: string,
): Promise<StoredLetter> {
  const letter = validate(id) ? await deadLetters.find(id) : undefined;
  if (letter && callerOf(c).sees({ name: letter.task, queue: letter.queue })) return letter;
  throw new Problem(
    "no-dead-letter",
    `Cannot find dead letter '${
      id.slice(0, 200)
    }': it was sent again or purged, or never was (GET /v1/dead-letters lists those there are)`,
  );
}

/** Sends letters again, or only counts them.
 *
 * @throws {Problem} `forbidden` */
export async function redriveLetters(
  c: Context,
  { deadLetters, trail }: LetterParts,
  given: GivenFilter,
  { rate = RATE, limit = LIMIT, isDryRun = false }: {
    readonly rate?: number;
    readonly limit?: number;
    readonly isDryRun?: boolean;
  } = {},
): Promise<Redriven & { readonly matched: number }> {
  const filter = toFilter(given);
  requireLetters(c, filter);
  if (!isDryRun) await trail.begin(c, { filter: { ...given, rate, limit } });
  const matched = await deadLetters.count(filter);
  const outcome = isDryRun
    ? { redriven: 0, waiting: 0, lastDueAt: null }
    : await deadLetters.redrive(filter, { rate, limit });
  trail.count(c, outcome.redriven);
  return { ...outcome, matched };
}

/** Deletes letters, or only counts them.
 *
 * @throws {Problem} `forbidden` */
export async function purgeLetters(
  c: Context,
  { deadLetters, trail }: LetterParts,
  given: GivenFilter,
  { isDryRun = false }: { readonly isDryRun?: boolean } = {},
): Promise<{ readonly matched: number; readonly purged: number }> {
  const filter = toFilter(given);
  requireLetters(c, filter);
  if (!isDryRun) await trail.begin(c, { filter: given });
  const matched = await deadLetters.count(filter);
  const purged = isDryRun ? 0 : await deadLetters.purge(filter);
  trail.count(c, purged);
  return { matched, purged };
}
