/** django-celery-beat's rows, where Django's migrations have put them: read, and written as far as its own scheduler writes them. */
import { getLogger } from "@logtape/logtape";
import type { Database } from "../shared/database/database.ts";
import { CeleriacError, DatabaseRefused } from "../shared/errors.ts";
import { type Fence, HELD } from "./lease.ts";
import { entriesJson, ENTRY_COLUMNS, ENTRY_VALUES } from "../shared/outbox/outbox.ts";
import type { Registry } from "../shared/contracts/registry.ts";
import { scheduledSubmission } from "../shared/schedules/scheduled_submission.ts";
import type { Round, ScheduleSource, SentTick } from "./schedule_source.ts";
import { type DjangoRow, planRow, signatureOf } from "./django_row.ts";
import { tickOf } from "./tick.ts";

/** What the source works with. */
export interface DjangoSchedulesOptions {
  readonly database: Database;
  readonly registry: Registry;
  /** Who sends, in Celery's manner. */
  readonly origin: string;
  /** Queue of tasks that are not ours and whose row names none. */
  readonly queue: string;
}

const ROWS = `
  select row.id, row.xmin::text as version, clock_timestamp() as now, row.name, row.task, row.args,
    row.kwargs, row.headers, row.queue, row.exchange, row.routing_key, row.priority, row.expires,
    row.expire_seconds, row.one_off, row.start_time, row.last_run_at, row.date_changed,
    timed.every, timed.period, crontab.timezone, clocked.clocked_time, solar.event as solar,
    regexp_replace(crontab.minute, '\\s', '', 'g') || ' ' || regexp_replace(crontab.hour, '\\s', '', 'g') || ' '
      || regexp_replace(crontab.day_of_month, '\\s', '', 'g') || ' '
      || regexp_replace(crontab.month_of_year, '\\s', '', 'g') || ' '
      || regexp_replace(crontab.day_of_week, '\\s', '', 'g') as cron
  from django_celery_beat_periodictask as row
  left join django_celery_beat_intervalschedule as timed on timed.id = row.interval_id
  left join django_celery_beat_crontabschedule as crontab on crontab.id = row.crontab_id
  left join django_celery_beat_clockedschedule as clocked on clocked.id = row.clocked_id
  left join django_celery_beat_solarschedule as solar on solar.id = row.solar_id
  where row.enabled order by row.id`;

// As with our own schedules: one statement, and a row that anybody changed since it was read stays as it is.
const MOVE = `
  with held as materialized (${HELD}), moved as (
    update django_celery_beat_periodictask as row
    set last_run_at = coalesce(plan.last_at, row.last_run_at), enabled = plan.enabled,
      total_run_count = row.total_run_count + plan.count
    from json_to_recordset($4::text::json)
      as plan (id integer, version text, last_at timestamptz, enabled boolean, count integer)
    where row.id = plan.id and row.xmin::text = plan.version and exists (select from held)
    returning row.id
  ), sent as (
    insert into celeriac.outbox (task_id, retries, due_at, exchange, routing_key, properties, headers, body)
    select ${ENTRY_VALUES} from json_to_recordset($5::text::json) as entry (${ENTRY_COLUMNS})
    join json_to_recordset($6::text::json) as origin (task_id text, id integer) using (task_id)
    where origin.id in (select id from moved)
    on conflict do nothing
  )
  select id from moved`;

/** SQLSTATEs of tables that are not there, or not ours to use. */
const CLOSED: Readonly<Record<string, string>> = {
  "42P01": "run Django's migrations, or unset CELERIAC_DJANGO_SCHEDULES",
  "42501":
    "let the table's owner `grant select, update on` django_celery_beat_periodictask and `grant select on` the other django_celery_beat_* tables `to celeriac_beat`",
};

interface Row extends DjangoRow {
  readonly version: string;
  readonly now: Date;
}

interface Planned {
  readonly row: Row;
  readonly enabled: boolean;
  readonly tick: SentTick | undefined;
}

/** Reads the rows that are switched on, and sends those that are due. */
export class DjangoSchedules implements ScheduleSource {
  readonly #options: DjangoSchedulesOptions;
  /** Versions of rows that cannot tick, of which the log has told. */
  #told = new Map<number, string>();
  /** When rows are due next that have not changed since. */
  #known = new Map<number, { version: string; next: Date | undefined }>();
  #closed: string | undefined;

  constructor(options: DjangoSchedulesOptions) {
    this.#options = options;
  }

  async tick(fence: Fence): Promise<Round> {
    const rows = await this.#rows();
    const now = rows[0]?.now ?? new Date();
    this.#forget(rows);
    const plans = rows.flatMap((row) => this.#plan(row, now) ?? []);
    const sent = plans.length > 0 ? await this.#move(fence, plans) : [];
    const next = Math.min(
      ...[...this.#known.values()].map(({ next }) => next?.getTime() ?? Infinity),
    );
    return { sent, restMs: plans.length > 0 ? 0 : Math.max(0, next - now.getTime()) };
  }

  async #rows(): Promise<Row[]> {
    try {
      const rows = await this.#options.database.query<Row>(ROWS);
      this.#closed = undefined;
      return rows;
    } catch (error) {
      const remedy = error instanceof DatabaseRefused ? CLOSED[error.code] : undefined;
      if (!(error instanceof DatabaseRefused) || !remedy) throw error;
      if (this.#closed !== error.code) {
        logger.error("Cannot read django-celery-beat's tables: {error}: {remedy}", {
          error: error.message,
          remedy,
        });
      }
      this.#closed = error.code;
      return [];
    }
  }

  #forget(rows: readonly Row[]): void {
    const ids = new Set(rows.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    for (const id of this.#told.keys()) if (!ids.has(id)) this.#told.delete(id);
  }

  /** What is to be written of a row; nothing while it waits. A row that cannot tick must not stop the others. */
  #plan(row: Row, now: Date): Planned | undefined {
    const { id, name, version } = row;
    const known = this.#known.get(id);
    if (known?.version === version && (known.next === undefined || known.next > now)) return;
    try {
      const { dueAt, next, enabled } = planRow(row, now);
      if (!dueAt && enabled) {
        this.#known.set(id, {
          version,
          next: row.expires && !(next && next < row.expires) ? row.expires : next,
        });
        return;
      }
      this.#known.delete(id);
      return { row, enabled, tick: dueAt && this.#tick(row, dueAt, now) };
    } catch (error) {
      if (!(error instanceof CeleriacError)) throw error;
      this.#known.set(id, { version, next: undefined });
      if (this.#told.get(id) !== version) {
        logger.error("Row '{name}' of django-celery-beat is left out: {problem}", {
          name,
          problem: error.message,
        });
      }
      this.#told.set(id, version);
    }
  }

  #tick(row: Row, dueAt: Date, now: Date): SentTick {
    const { registry, origin, queue } = this.#options;
    const task = scheduledSubmission(row.name, signatureOf(row), { registry, elsewhere: queue });
    const tick = tickOf(`django:${row.id}`, task, dueAt, { origin, now });
    return { ...tick, schedule: row.name, task: row.task };
  }

  async #move(fence: Fence, plans: readonly Planned[]): Promise<SentTick[]> {
    const ticks = plans.flatMap(({ tick }) => tick ?? []);
    const origins = plans.flatMap(({ row: { id }, tick }) =>
      tick ? [{ id, task_id: tick.entry.taskId }] : []
    );
    const moved = await this.#options.database.query<{ id: number }>(MOVE, [
      fence.name,
      fence.holder,
      fence.epoch,
      JSON.stringify(plans.map(({ row: { id, version }, enabled, tick }) => ({
        id,
        version,
        enabled,
        last_at: tick?.dueAt ?? null,
        count: tick ? 1 : 0,
      }))),
      entriesJson(ticks.map(({ entry }) => entry)),
      JSON.stringify(origins),
    ]);
    const ids = new Set(moved.map(({ id }) => id));
    return plans.flatMap(({ row: { id }, tick }) => tick && ids.has(id) ? [tick] : []);
  }
}

const logger = getLogger(["celeriac", "beat"]);
