/** A row of django-celery-beat's `PeriodicTask`: when it is due, and what it sends. Pure; its rules are those of
 * django_celery_beat/schedulers.py, `ModelEntry`. */
import type { Headers } from "../shared/broker/message.ts";
import { parseJson } from "../shared/celery/python_json.ts";
import type { Signature } from "../shared/celery/signature.ts";
import { InvalidInput } from "../shared/errors.ts";
import { missed, type Next, nextOf } from "../shared/schedules/timing.ts";

/** The row, and that of the one schedule that it points to. */
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

/** What a row is to do now. */
export interface DjangoPlan {
  /** The due time to send for: the newest, however many were missed. */
  readonly dueAt: Date | undefined;
  /** The next due time; `undefined` when there is none. */
  readonly next: Date | undefined;
  /** `false` when it has done its work: Django's own scheduler switches such rows off. */
  readonly enabled: boolean;
}

/** Decides what becomes of a row.
 *
 * @throws {InvalidInput} when it cannot be scheduled, with the reason */
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

/** When it is due, and the moment that has been dealt with. */
function timingOf(row: DjangoRow): { next: Next; after: Date } {
  const { clocked_time: clocked, start_time: start, last_run_at: last } = row;
  if (row.solar !== null) {
    throw new InvalidInput(
      `Cannot follow the sun (${row.solar}) because solar schedules are not known here: give it a crontab, or keep a \`celery beat\` for it`,
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
  // A new row with a start runs then, one without an interval later.
  const anchor = last ??
    (start ? new Date(start.getTime() - Math.round(every * 1000)) : row.date_changed);
  return { next: nextOf({ every, anchor }), after: anchor };
}

/** What it sends.
 *
 * @throws {InvalidInput} when its arguments are not what they must be */
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
    // Said below.
  }
  throw new InvalidInput(
    `Cannot send it because its ${field} are not ${
      field === "args" ? "a JSON list" : "a JSON object"
    }: mend the row in Django's admin`,
    field,
  );
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
