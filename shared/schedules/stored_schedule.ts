/** Rows of the table `celeriac.schedule`. */
import { parseJson } from "../celery/python_json.ts";
import { fromWire, type Signature } from "../celery/signature.ts";
import type { MissedPolicy } from "./schedule.ts";
import type { Timing } from "./timing.ts";

/** A schedule with its progress. */
export interface StoredSchedule {
  readonly name: string;
  readonly signature: Signature;
  readonly cron: string | null;
  readonly timezone: string | null;
  /** Seconds. */
  readonly every: number | null;
  readonly missed: MissedPolicy;
  /** `code`: defined by a contracts module. */
  readonly source: "code" | "database";
  readonly paused: boolean;
  /** Start of the first interval. */
  readonly anchorAt: Date;
  /** Every tick up to this time has been handled. */
  readonly afterAt: Date;
  /** `null` until a scheduler has computed it. */
  readonly nextAt: Date | null;
  readonly lastAt: Date | null;
  /** Id of the task that the last tick sent. */
  readonly lastId: string | null;
  /** Number of ticks sent. */
  readonly ticks: number;
  /** Why it cannot send its task. */
  readonly problem: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A row of {@linkcode SCHEDULE_COLUMNS}. */
export interface ScheduleRow {
  readonly name: string;
  readonly signature: string;
  readonly cron: string | null;
  readonly timezone: string | null;
  readonly every: number | null;
  readonly missed: MissedPolicy;
  readonly source: "code" | "database";
  readonly paused: boolean;
  readonly anchor_at: Date;
  readonly after_at: Date;
  readonly next_at: Date | null;
  readonly last_at: Date | null;
  readonly last_id: string | null;
  readonly ticks: number;
  readonly problem: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** The columns that {@linkcode fromRow} reads. */
export const SCHEDULE_COLUMNS =
  `name, signature::text as signature, cron, timezone, every, missed, source, paused, anchor_at,
    after_at, next_at, last_at, last_id, ticks::float8 as ticks, problem, created_at, updated_at`;

/** @throws {Malformed} when its signature is invalid */
export function fromRow(row: ScheduleRow): StoredSchedule {
  const { name, cron, timezone, every, missed, source, paused, ticks, problem } = row;
  return {
    name,
    cron,
    timezone,
    every,
    missed,
    source,
    paused,
    ticks,
    problem,
    signature: fromWire(parseJson(row.signature)),
    anchorAt: row.anchor_at,
    afterAt: row.after_at,
    nextAt: row.next_at,
    lastAt: row.last_at,
    lastId: row.last_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** The timing of a schedule. */
export function timingOf(
  { cron, timezone, every, anchorAt }: Pick<
    StoredSchedule,
    "cron" | "timezone" | "every" | "anchorAt"
  >,
): Timing {
  return cron === null
    ? { every: every ?? NaN, anchor: anchorAt }
    : { cron, timezone: timezone ?? "UTC" };
}
