/** The schedules in Celeriac's own table, `celeriac.schedule`. */
import { getLogger } from "@logtape/logtape";
import type { Database } from "../shared/database/database.ts";
import { CeleriacError } from "../shared/errors.ts";
import type { Fence } from "./lease.ts";
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
import type { Round, ScheduleSource } from "./schedule_source.ts";
import { planTicks, tickOf } from "./tick.ts";
import { type ScheduleUpdate, TickWriter } from "./tick_writer.ts";

/** Options of {@linkcode NativeSchedules}. */
export interface NativeSchedulesOptions {
  readonly database: Database;
  readonly registry: Registry;
  /** The sender in Celery's format, `gen<pid>@<host>`. */
  readonly origin: string;
}

/** Maximum number of schedules in one statement. */
const BATCH = 200;

const DUE = `
  select ${SCHEDULE_COLUMNS}, xmin::text as version, clock_timestamp() as now
  from celeriac.schedule
  where not paused and problem is null and (next_at is null or next_at <= clock_timestamp())
  order by next_at nulls first, name limit $1`;

const NEXT_DUE = `
  select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms
  from celeriac.schedule where not paused and problem is null`;

const UPDATE = `
  update celeriac.schedule as kept
  set after_at = plan.after_at, next_at = plan.next_at, problem = plan.problem,
    last_at = coalesce(plan.last_at, kept.last_at), last_id = coalesce(plan.last_id, kept.last_id),
    ticks = kept.ticks + plan.count
  from json_to_recordset($4::text::json) as plan (
    name text, version text, after_at timestamptz, next_at timestamptz, problem text,
    last_at timestamptz, last_id text, count integer
  )
  where kept.name = plan.name and kept.xmin::text = plan.version`;

interface DueRow extends ScheduleRow {
  readonly version: string;
  readonly now: Date;
}

interface Planned extends ScheduleUpdate<string> {
  readonly problem: string | null;
}

/** Reads the due schedules and sends their ticks. */
export class NativeSchedules implements ScheduleSource {
  readonly #options: NativeSchedulesOptions;
  readonly #writer: TickWriter<string>;

  constructor(options: NativeSchedulesOptions) {
    this.#options = options;
    const { database } = options;
    this.#writer = new TickWriter({ database, update: UPDATE, key: "kept.name", keyType: "text" });
  }

  async tick(fence: Fence): Promise<Round> {
    const { database } = this.#options;
    const due = await database.query<DueRow>(DUE, [BATCH]);
    if (due.length === 0) {
      const [next] = await database.query<{ ms: number | null }>(NEXT_DUE);
      return { sent: [], restMs: Math.max(0, next?.ms ?? Infinity) };
    }
    const written = await this.#writer.write(fence, due.map((row) => this.#plan(row)));
    for (const { problem } of written) {
      if (problem) logger.error("{problem}", { problem });
    }
    return { sent: written.flatMap(({ ticks }) => ticks), restMs: 0 };
  }

  /** Plans one schedule. An invalid schedule keeps its error until it is changed, and does not stop the others. */
  #plan(row: DueRow): Planned {
    try {
      return this.#planned(fromRow(row), row);
    } catch (error) {
      if (!(error instanceof CeleriacError)) throw error;
      const { message: problem } = error;
      const { name, version, after_at, next_at } = row;
      const plan = { name, version, after_at, next_at, problem, count: 0 };
      return { key: name, problem, plan, ticks: [] };
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
    const problem = next
      ? null
      : `Cannot continue schedule '${name}' because no due time is left: remove it`;
    const plan = {
      name,
      version,
      after_at: after,
      next_at: next ?? null,
      problem,
      last_at: last?.dueAt ?? null,
      last_id: last?.entry.taskId ?? null,
      count: ticks.length,
    };
    return { key: name, problem, plan, ticks };
  }
}

const logger = getLogger(["celeriac", "beat"]);
