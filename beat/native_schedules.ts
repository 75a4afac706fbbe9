/** Our own schedules, in `celeriac.schedule`. */
import { getLogger } from "@logtape/logtape";
import type { Database } from "../shared/database/database.ts";
import { CeleriacError } from "../shared/errors.ts";
import { type Fence, HELD } from "./lease.ts";
import { entriesJson, ENTRY_COLUMNS, ENTRY_VALUES } from "../shared/outbox/outbox.ts";
import type { Registry } from "../shared/contracts/registry.ts";
import {
  fromRow,
  SCHEDULE_COLUMNS,
  type ScheduleRow,
  type StoredSchedule,
  timingOf,
} from "../shared/schedules/stored_schedule.ts";
import { scheduledSubmission } from "../shared/schedules/scheduled_submission.ts";
import { nextOf } from "../shared/schedules/timing.ts";
import type { Round, ScheduleSource, SentTick } from "./schedule_source.ts";
import { planTicks, tickOf } from "./tick.ts";

/** What the source works with. */
export interface NativeSchedulesOptions {
  readonly database: Database;
  readonly registry: Registry;
  /** Who sends, in Celery's manner. */
  readonly origin: string;
}

/** Schedules moved by one statement. */
const BATCH = 200;

const DUE = `
  select ${SCHEDULE_COLUMNS}, xmin::text as version, clock_timestamp() as now
  from celeriac.schedule
  where not paused and problem is null and (next_at is null or next_at <= clock_timestamp())
  order by next_at nulls first, name limit $1`;

const NEXT_DUE = `
  select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms
  from celeriac.schedule where not paused and problem is null`;

// One statement: what a frozen process began is over or undone, and holds no lock. A row that anybody changed since it was read has
// another xmin and stays as it is: of two schedulers that plan the same tick one sends it.
const MOVE = `
  with held as materialized (${HELD}), moved as (
    update celeriac.schedule as kept
    set after_at = plan.after_at, next_at = plan.next_at, problem = plan.problem,
      last_at = coalesce(plan.last_at, kept.last_at), last_id = coalesce(plan.last_id, kept.last_id),
      ticks = kept.ticks + plan.count
    from json_to_recordset($4::text::json) as plan (
      name text, version text, after_at timestamptz, next_at timestamptz, problem text,
      last_at timestamptz, last_id text, count integer
    )
    where kept.name = plan.name and kept.xmin::text = plan.version and exists (select from held)
    returning kept.name
  ), sent as (
    insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
    select ${ENTRY_VALUES} from json_to_recordset($5::text::json) as entry (${ENTRY_COLUMNS})
    join json_to_recordset($6::text::json) as origin (task_id text, name text) using (task_id)
    where origin.name in (select name from moved)
    on conflict do nothing
  )
  select name from moved`;

interface DueRow extends ScheduleRow {
  readonly version: string;
  readonly now: Date;
}

interface Planned {
  readonly row: Record<string, unknown> & { readonly name: string };
  readonly ticks: readonly SentTick[];
}

/** Reads what is due, and moves it. */
export class NativeSchedules implements ScheduleSource {
  readonly #options: NativeSchedulesOptions;

  constructor(options: NativeSchedulesOptions) {
    this.#options = options;
  }

  async tick(fence: Fence): Promise<Round> {
    const { database } = this.#options;
    const due = await database.query<DueRow>(DUE, [BATCH]);
    if (due.length === 0) {
      const [next] = await database.query<{ ms: number | null }>(NEXT_DUE);
      return { sent: [], restMs: Math.max(0, next?.ms ?? Infinity) };
    }
    const plans = due.map((row) => this.#plan(row));
    const ticks = plans.flatMap((plan) => plan.ticks);
    const origins = ticks.map(({ entry, schedule }) => ({ task_id: entry.taskId, name: schedule }));
    const moved = await database.query<{ name: string }>(MOVE, [
      fence.name,
      fence.holder,
      fence.epoch,
      JSON.stringify(plans.map(({ row }) => row)),
      entriesJson(ticks.map(({ entry }) => entry)),
      JSON.stringify(origins),
    ]);
    const names = new Set(moved.map(({ name }) => name));
    for (const { row: { name, problem } } of plans) {
      if (problem && names.has(name)) logger.error("{problem}", { problem });
    }
    return { sent: ticks.filter(({ schedule }) => names.has(schedule)), restMs: 0 };
  }

  /** A schedule that cannot tick says why, and rests until somebody changes it: it must not stop the others. */
  #plan(row: DueRow): Planned {
    const { name, version } = row;
    try {
      return this.#planned(fromRow(row), row);
    } catch (error) {
      if (!(error instanceof CeleriacError)) throw error;
      const problem = error.message;
      const { after_at, next_at } = row;
      return { row: { name, version, after_at, next_at, problem, count: 0 }, ticks: [] };
    }
  }

  #planned(schedule: StoredSchedule, { version, now }: DueRow): Planned {
    const { registry, origin } = this.#options;
    const { name, signature, missed: policy, afterAt } = schedule;
    const task = scheduledSubmission(name, signature, { registry });
    const { times, after, next } = planTicks(
      { next: nextOf(timingOf(schedule)), after: afterAt, policy },
      now,
    );
    const ticks = times.map((dueAt) => ({
      ...tickOf(name, task, dueAt, { origin, now }),
      schedule: name,
      task: signature.task,
    }));
    const last = ticks.at(-1);
    const row = {
      name,
      version,
      after_at: after,
      next_at: next ?? null,
      problem: next
        ? null
        : `Cannot go on with schedule '${name}' because no due time is left: remove it`,
      last_at: last?.dueAt ?? null,
      last_id: last?.entry.taskId ?? null,
      count: ticks.length,
    };
    return { row, ticks };
  }
}

const logger = getLogger(["celeriac", "beat"]);
