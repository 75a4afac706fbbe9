/** Starts, shows and stops bulk jobs on behalf of a request. */
import type { Context } from "hono";
import { v5, v7, validate } from "uuid";
import { z } from "zod";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { Caller } from "../access/caller.ts";
import { callerOf, ownKey } from "../access/request_caller.ts";
import type { BulkAction, BulkFilter, BulkJob } from "../bulk/bulk_job.ts";
import { BulkSelection, type SelectionCount, type SelectionStore } from "../bulk/bulk_selection.ts";
import type { BulkStore } from "../bulk/bulk_store.ts";
import { label } from "../http/label.ts";
import { fieldProblem, Problem } from "../http/problem.ts";
import { time } from "../http/time.ts";

/** Tasks that a filter names by their ids, at most. */
export const IDS_MAX = 1000;

/** A filter of a bulk job, also for the OpenAPI document. All conditions must match. */
export const BulkFilterBody = z.strictObject({
  q: z.string().max(2000).describe(
    "Conditions in the grammar of the page, such as `state:failure name:mail.*`",
  ),
  ids: z.array(label).min(1).max(IDS_MAX).describe("Ids of tasks"),
  until: time.describe(
    "Tasks created before this time; default: now. A dry run answers with it, so that the job changes the tasks that it counted",
  ),
}).partial();

/** A filter as requests give it. */
export type GivenBulkFilter = z.output<typeof BulkFilterBody>;

/** Storage of the jobs. */
export interface BulkParts {
  readonly store: Pick<BulkStore, "add" | "find" | "list" | "stop">;
  /** Called after a start. */
  started(): void;
}

/** Dependencies of {@linkcode BulkActions}. */
export interface BulkActionsParts extends BulkParts {
  readonly records: SelectionStore;
  readonly clock: Clock;
  readonly trail: AuditTrail;
}

/** What a job would change. */
export interface BulkPreview extends SelectionCount {
  readonly frozenAt: Date;
}

/** A job to start. */
export interface BulkRequest {
  readonly action: BulkAction;
  readonly filter: GivenBulkFilter;
  /** Whether running tasks are terminated. Default `false`. */
  readonly terminate?: boolean;
  /** Requests of one caller with the same key start one job. */
  readonly key?: string | undefined;
}

/** Namespace of the ids of jobs with a key. */
const NAMESPACE = "0a9a2f5e-6a0c-4b57-9d0c-3f1c2b0e7d41";

/** Counts, starts, lists and stops jobs, with audit entries. */
export class BulkActions {
  readonly #parts: BulkActionsParts;

  constructor(parts: BulkActionsParts) {
    this.#parts = parts;
  }

  /** Counts the tasks that match, without changing them.
   *
   * @throws {Problem} `invalid-input` */
  async preview(c: Context, given: GivenBulkFilter): Promise<BulkPreview> {
    return await this.#count(frozen(given, this.#parts.clock.now()), callerOf(c));
  }

  /** Starts a job. It changes the tasks that match and that the caller may see.
   *
   * @throws {Problem} `invalid-input` or `idempotency-mismatch` */
  async start(
    c: Context,
    { action, filter: given, terminate = false, key }: BulkRequest,
  ): Promise<BulkJob> {
    const { store, trail, clock } = this.#parts;
    const caller = callerOf(c);
    const own = ownKey(caller, key);
    const { filter, frozenAt } = frozen(given, clock.now());
    const { matched, complete } = await this.#count({ filter, frozenAt }, caller);
    await trail.begin(c, {
      filter: { action, ...filter, until: frozenAt, ...(terminate && { terminate }) },
    });
    const job = await store.add({
      id: own === undefined ? v7() : v5(own, NAMESPACE),
      action,
      terminate,
      filter,
      frozenAt,
      matched: complete ? matched : null,
      caller,
    });
    if (!isSame(job, { action, terminate, filter, caller })) throw mismatch();
    if (complete) trail.count(c, matched);
    this.#parts.started();
    return job;
  }

  async #count(
    { filter, frozenAt }: { readonly filter: BulkFilter; readonly frozenAt: Date },
    caller: Caller,
  ): Promise<BulkPreview> {
    const selection = new BulkSelection(filter, { frozenAt, caller });
    return { ...await selection.count(this.#parts.records), frozenAt };
  }

  /** The latest jobs that the caller may see. */
  async list(c: Context): Promise<BulkJob[]> {
    const caller = callerOf(c);
    return await this.#parts.store.list(caller.seesEverything ? null : caller.id);
  }

  /** @throws {Problem} `no-bulk-job` */
  async find(c: Context, id: string): Promise<BulkJob> {
    const job = validate(id) ? await this.#parts.store.find(id) : undefined;
    if (job && isVisible(callerOf(c), job)) return job;
    throw noJob(id);
  }

  /** Ends a job after its current step. Tasks that it has changed stay changed.
   *
   * @throws {Problem} `no-bulk-job` */
  async stop(c: Context, id: string): Promise<BulkJob> {
    const { store, trail } = this.#parts;
    const job = await this.find(c, id);
    await trail.begin(c, { target: id });
    return await store.stop(job.id, `${callerOf(c).name} stopped it`) ?? await this.find(c, id);
  }
}

/** A filter whose tasks are those that exist now, or at the time that it names. */
function frozen(
  { q, ids, until }: GivenBulkFilter,
  now: Date,
): { filter: BulkFilter; frozenAt: Date } {
  const given = until === undefined ? now : new Date(until);
  return {
    filter: { ...(q !== undefined && { q }), ...(ids && { ids: [...new Set(ids)] }) },
    frozenAt: given < now ? given : now,
  };
}

/** A job may name tasks that other callers do not see. */
function isVisible(caller: Caller, job: BulkJob): boolean {
  return caller.seesEverything || caller.id === job.caller.id;
}

/** Whether a job is the one that a request describes. A request without `until` has a later time than the one that it repeats. */
function isSame(
  job: BulkJob,
  { action, terminate, filter, caller }: Pick<
    BulkJob,
    "action" | "terminate" | "filter" | "caller"
  >,
): boolean {
  return job.action === action && job.terminate === terminate && job.caller.id === caller.id &&
    JSON.stringify(job.filter) === JSON.stringify(filter);
}

function mismatch(): Problem {
  return new Problem(
    "idempotency-mismatch",
    "Cannot start the job because the Idempotency-Key of the request was used for another job: use a new key",
    { errors: [{ field: "Idempotency-Key", message: "used for another job" }] },
  );
}

function noJob(id: string): Problem {
  return new Problem(
    "no-bulk-job",
    `Cannot find bulk job '${
      id.slice(0, 200)
    }': it was never started, or ended more than 30 days ago (GET /v1/bulk-jobs lists those there are)`,
  );
}

/** Refuses a body that does not say which tasks are meant: a missing filter would mean all.
 *
 * @throws {Problem} `invalid-input` */
export function requireFilter(body: unknown): void {
  if (typeof body === "object" && body !== null && Object.hasOwn(body, "filter")) return;
  throw fieldProblem("filter", "it is required: name what is meant, or {} for all tasks");
}
