/** Computes local times minute by minute: an oracle for cron that uses only `Intl`.
 * @module
 */

/** One minute of a local clock, as a comparable count of minutes. */
export interface WallMinute {
  /** The instant. */
  readonly at: Date;
  /** Minutes of the local clock, as if it were UTC. */
  readonly local: number;
}

/** Fields of a crontab, as sets; `hours` is `undefined` for `*`. */
export interface Fields {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number> | undefined;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
}

const MINUTE_MS = 60_000;

/** Lists all minutes of a range of days. */
export function wallMinutes(timezone: string, from: Date, days: number): WallMinute[] {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return Array.from({ length: days * 1440 }, (_, index) => {
    const at = new Date(from.getTime() + index * MINUTE_MS);
    const parts = Object.fromEntries(
      format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 1, day, hour, minute } = parts;
    return { at, local: Date.UTC(year, month - 1, day, hour, minute) / MINUTE_MS };
  });
}

/** Finds the minutes at which a crontab is due, without the first minute. The rules are those of docs/learn/schedules.md. */
export function dueAmong(minutes: readonly WallMinute[], fields: Fields): Date[] {
  const due: Date[] = [];
  let latest = -Infinity;
  for (const [index, { at, local }] of minutes.entries()) {
    const before = minutes[index - 1]?.local ?? local - 1;
    const first = local > latest;
    latest = Math.max(latest, local);
    if (index === 0) continue;
    if (fields.hours === undefined) {
      if (fits(local, fields)) due.push(at);
      continue;
    }
    // A run in the skipped hour happens at its end.
    let skipped = false;
    for (let gone = before + 1; gone < local; gone++) skipped ||= fits(gone, fields);
    if (skipped || (first && fits(local, fields))) due.push(at);
  }
  return due;
}

function fits(local: number, { minutes, hours, days, months, weekdays }: Fields): boolean {
  const clock = new Date(local * MINUTE_MS);
  return minutes.has(clock.getUTCMinutes()) && (hours?.has(clock.getUTCHours()) ?? true) &&
    days.has(clock.getUTCDate()) && months.has(clock.getUTCMonth() + 1) &&
    weekdays.has(clock.getUTCDay());
}
