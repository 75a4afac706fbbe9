/** The schedules in django-celery-beat's tables. Writes only the columns that django-celery-beat's own scheduler writes. */
import { getLogger } from "@logtape/logtape";
import type { Database } from "../shared/database/database.ts";
import { CeleriacError, DatabaseRefused } from "../shared/errors.ts";
import type { Fence } from "./lease.ts";
import type { Registry } from "../shared/contracts/registry.ts";
import { scheduledSubmission } from "../shared/schedules/scheduled_submission.ts";
import type { Round, ScheduleSource, SentTick } from "./schedule_source.ts";
import { type DjangoRow, planRow, signatureOf } from "./django_row.ts";
import { tickOf } from "./tick.ts";
import { type ScheduleUpdate, TickWriter } from "./tick_writer.ts";

/** Options of {@linkcode DjangoSchedules}. */
export interface DjangoSchedulesOptions {
  readonly database: Database;
  readonly registry: Registry;
  /** The sender in Celery's format, `gen<pid>@<host>`. */
  readonly origin: string;
  /** Queue of tasks without a contract whose row names no queue. */
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

const UPDATE = `
  update django_celery_beat_periodictask as row
  set last_run_at = coalesce(plan.last_at, row.last_run_at), enabled = plan.enabled,
    total_run_count = row.total_run_count + plan.count
  from json_to_recordset($4::text::json)
    as plan (id integer, version text, last_at timestamptz, enabled boolean, count integer)
  where row.id = plan.id and row.xmin::text = plan.version`;

/** SQLSTATE of missing or forbidden tables -> remedy. */
const REMEDIES: Readonly<Record<string, string>> = {
  "42P01": "run Django's migrations, or unset CELERIAC_DJANGO_SCHEDULES",
  "42501":
    "let the table's owner `grant select, update on` django_celery_beat_periodictask and `grant select on` the other django_celery_beat_* tables `to celeriac_beat`",
};

interface Row extends DjangoRow {
  readonly version: string;
  readonly now: Date;
}

/** Reads the enabled rows and sends the ticks of those that are due. */
export class DjangoSchedules implements ScheduleSource {
  readonly #options: DjangoSchedulesOptions;
  readonly #writer: TickWriter<number>;
  /** Id -> version of each invalid row whose error is in the log. */
  #logged = new Map<number, string>();
  /** Id -> version of each row that is not due, and its next due time. */
  #waiting = new Map<number, { version: string; next: Date | undefined }>();
  /** SQLSTATE of the failure that is in the log. */
  #failure: string | undefined;

  constructor(options: DjangoSchedulesOptions) {
    this.#options = options;
    const { database } = options;
    this.#writer = new TickWriter({ database, update: UPDATE, key: "row.id", keyType: "integer" });
  }

  async tick(fence: Fence): Promise<Round> {
    const rows = await this.#rows();
    const now = rows[0]?.now ?? new Date();
    this.#forget(rows);
    const updates = rows.flatMap((row) => this.#plan(row, now) ?? []);
    const written = updates.length > 0 ? await this.#writer.write(fence, updates) : [];
    const next = Math.min(
      ...[...this.#waiting.values()].map(({ next }) => next?.getTime() ?? Infinity),
    );
    const sent = written.flatMap(({ ticks }) => ticks);
    return { sent, restMs: updates.length > 0 ? 0 : Math.max(0, next - now.getTime()) };
  }

  async #rows(): Promise<Row[]> {
    try {
      const rows = await this.#options.database.query<Row>(ROWS);
      this.#failure = undefined;
      return rows;
    } catch (error) {
      const remedy = error instanceof DatabaseRefused ? REMEDIES[error.code] : undefined;
      if (!(error instanceof DatabaseRefused) || !remedy) throw error;
      if (this.#failure !== error.code) {
        logger.error("Cannot read django-celery-beat's tables: {error}: {remedy}", {
          error: error.message,
          remedy,
        });
      }
      this.#failure = error.code;
      return [];
    }
  }

  #forget(rows: readonly Row[]): void {
    const ids = new Set(rows.map(({ id }) => id));
    for (const id of this.#waiting.keys()) if (!ids.has(id)) this.#waiting.delete(id);
    for (const id of this.#logged.keys()) if (!ids.has(id)) this.#logged.delete(id);
  }

  /** Plans one row; returns nothing if it is not due. An invalid row does not stop the others. */
  #plan(row: Row, now: Date): ScheduleUpdate<number> | undefined {
    const { id, name, version } = row;
    const waiting = this.#waiting.get(id);
    if (
      waiting?.version === version && (waiting.next === undefined || waiting.next > now)
    ) return;
    try {
      const { dueAt, next, enabled } = planRow(row, now);
      if (!dueAt && enabled) {
        this.#waiting.set(id, {
          version,
          next: row.expires && !(next && next < row.expires) ? row.expires : next,
        });
        return;
      }
      this.#waiting.delete(id);
      const last_at = dueAt ?? null;
      return {
        key: id,
        plan: { id, version, enabled, last_at, count: dueAt ? 1 : 0 },
        ticks: dueAt ? [this.#tick(row, dueAt, now)] : [],
      };
    } catch (error) {
      if (!(error instanceof CeleriacError)) throw error;
      this.#waiting.set(id, { version, next: undefined });
      if (this.#logged.get(id) !== version) {
        logger.error("Row '{name}' of django-celery-beat is skipped: {problem}", {
          name,
          problem: error.message,
        });
      }
      this.#logged.set(id, version);
    }
  }

  #tick(row: Row, dueAt: Date, now: Date): SentTick {
    const { registry, origin, queue } = this.#options;
    const task = scheduledSubmission(row.name, signatureOf(row), { registry, elsewhere: queue });
    const tick = tickOf(`django:${row.id}`, task, dueAt, { origin, now });
    return { ...tick, schedule: row.name, task: row.task };
  }
}

const logger = getLogger(["celeriac", "beat"]);
