/** A row of django-celery-beat's `PeriodicTask`: its due times and its task. Pure functions; the rules are those of
 * `ModelEntry` in django_celery_beat/schedulers.py. */
import type { Headers } from "../shared/broker/message.ts";
import { parseJson } from "../shared/celery/python_json.ts";
import { isObject } from "../shared/celery/shape.ts";
import type { Signature } from "../shared/celery/signature.ts";
import { InvalidInput } from "../shared/errors.ts";
import { missed, type Next, nextOf } from "../shared/schedules/timing.ts";

/** The row, joined with its interval, crontab, clocked or solar schedule. */
export interface DjangoRow {
  readonly id: number;
  readonly name: string;
  readonly task: string;
  /** JSON text. */
  readonly args: string;
  /** JSON text. */
  readonly kwargs: string;
  /** JSON text. */
  readonly headers: string;
  readonly queue: string | null;
  readonly exchange: string | null;
  readonly routing_key: string | null;
  readonly priority: number | null;
  readonly expires: Date | null;
  readonly expire_seconds: number | null;
  readonly one_off: boolean;
  readonly start_time: Date | null;
  readonly last_run_at: Date | null;
  readonly date_changed: Date;
  readonly every: number | null;
  readonly period: string | null;
  /** `minute hour day-of-month month day-of-week`. */
  readonly cron: string | null;
  readonly timezone: string | null;
  readonly clocked_time: Date | null;
  /** Event of a solar schedule. */
  readonly solar: string | null;
}

const MICROSECONDS: Readonly<Record<string, number>> = {
  days: 86_400e6,
  hours: 3600e6,
  minutes: 60e6,
  seconds: 1e6,
  microseconds: 1,
};

/** The next step of a row. */
export interface DjangoPlan {
  /** Due time to send now: the newest if several were missed. */
  readonly dueAt: Date | undefined;
  /** The next due time; `undefined` if there is none. */
  readonly next: Date | undefined;
  /** `false` if the row is finished; django-celery-beat disables such rows too. */
  readonly enabled: boolean;
}

/** Decides whether a row is due.
 *
 * @throws {InvalidInput} when its schedule is invalid */
export function planRow(row: DjangoRow, now: Date): DjangoPlan {
  if (row.expires !== null && row.expires <= now) {
    return { dueAt: undefined, next: undefined, enabled: false };
  }
  const { next, after } = timingOf(row);
  const begins = row.start_time !== null && row.start_time > now;
  const dueAt = begins ? undefined : missed(next, after, now, 1)[0];
  const following = next(dueAt ?? after);
  return {
    dueAt,
    next: begins && following && following < row.start_time! ? row.start_time! : following,
    enabled: !(row.one_off && dueAt),
  };
}

/** Its due times, and the time up to which they are done. */
function timingOf(row: DjangoRow): { next: Next; after: Date } {
  const { clocked_time: clocked, start_time: start, last_run_at: last } = row;
  if (row.solar !== null) {
    throw new InvalidInput(
      `Cannot schedule the solar event '${row.solar}' because solar schedules are not supported: use a crontab, or run \`celery beat\` for it`,
    );
  }
  if (clocked !== null) {
    return { next: (after) => clocked > after ? clocked : undefined, after: last ?? new Date(0) };
  }
  if (row.cron !== null) {
    const next = nextOf({ cron: row.cron, timezone: row.timezone ?? "UTC" });
    return { next, after: last ?? (start ? new Date(start.getTime() - 1) : row.date_changed) };
  }
  const every = (row.every ?? NaN) * (MICROSECONDS[row.period ?? ""] ?? NaN) / 1e6;
  // A new row first runs at its start time, or after one interval.
  const anchor = last ??
    (start ? new Date(start.getTime() - Math.round(every * 1000)) : row.date_changed);
  return { next: nextOf({ every, anchor }), after: anchor };
}

/** The task that the row sends.
 *
 * @throws {InvalidInput} when its arguments are invalid */
export function signatureOf(row: DjangoRow): Signature {
  const args = read("args", row.args, Array.isArray) as unknown[];
  const kwargs = read("kwargs", row.kwargs, isObject) as Record<string, unknown>;
  const headers = read("headers", row.headers, isObject) as Headers;
  const expires = row.expires ?? row.expire_seconds ?? undefined;
  return {
    task: row.task,
    args,
    kwargs,
    options: {
      ...(row.queue ? { queue: row.queue } : {}),
      ...(row.exchange
        ? { exchange: row.exchange, routingKey: row.routing_key ?? row.queue ?? "" }
        : {}),
      ...(row.priority === null ? {} : { priority: row.priority }),
      ...(expires === undefined ? {} : { expires }),
      headers,
    },
  };
}

function read(
  field: string,
  text: string,
  fits: (value: unknown) => boolean,
): unknown {
  try {
    const value = parseJson(text || "null", { typed: "keep" });
    if (fits(value)) return value;
  } catch {
    // Reported below.
  }
  throw new InvalidInput(
    `Cannot send the task because its ${field} are not ${
      field === "args" ? "a JSON list" : "a JSON object"
    }: correct the row in Django's admin`,
    field,
  );
}
