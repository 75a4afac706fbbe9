/** The table of schedules: add, list, pause and remove. */
import { stringifyJson } from "../celery/python_json.ts";
import { type Signature, toWire } from "../celery/signature.ts";
import type { Sql } from "../database/database.ts";
import type { CodeSchedule } from "./schedule.ts";
import {
  fromRow,
  SCHEDULE_COLUMNS,
  type ScheduleRow,
  type StoredSchedule,
} from "./stored_schedule.ts";

/** Name of the active scheduler's lease. */
export const SCHEDULER_LEASE = "scheduler";

/** A schedule to store. */
export type NewSchedule = Omit<CodeSchedule, "name"> & {
  readonly name: string;
  readonly paused?: boolean;
};

const LIST = `
  select ${SCHEDULE_COLUMNS} from celeriac.schedule where name > $1 order by name limit $2`;

const FIND = `select ${SCHEDULE_COLUMNS} from celeriac.schedule where name = $1`;

const ADD = `
  insert into celeriac.schedule (name, signature, cron, timezone, every, missed, paused, source)
  values ($1, $2::text::json, $3, $4, $5, $6, $7, 'database')
  on conflict (name) do nothing
  returning ${SCHEDULE_COLUMNS}`;

const REMOVE =
  "delete from celeriac.schedule where name = $1 and source = 'database' returning name";

// Ticks missed during a pause are not sent later.
const PAUSE = `
  update celeriac.schedule
  set paused = $2, updated_at = now(), problem = null,
    after_at = case when paused and not $2 then now() else after_at end,
    next_at = case when paused and not $2 then null else next_at end
  where name = $1
  returning ${SCHEDULE_COLUMNS}`;

// A changed timing restarts the schedule: ticks that the old timing missed are not sent.
const SYNC = `
  insert into celeriac.schedule as kept (name, signature, cron, timezone, every, missed, source)
  select name, signature::json, cron, timezone, every, missed, 'code'
  from json_to_recordset($1::text::json)
    as given (name text, signature text, cron text, timezone text, every float8, missed text)
  on conflict (name) do update
  set signature = excluded.signature, missed = excluded.missed, problem = null, updated_at = now(),
    cron = excluded.cron, timezone = excluded.timezone, every = excluded.every,
    anchor_at = case when (kept.cron, kept.timezone, kept.every)
      is distinct from (excluded.cron, excluded.timezone, excluded.every) then now() else kept.anchor_at end,
    after_at = case when (kept.cron, kept.timezone, kept.every)
      is distinct from (excluded.cron, excluded.timezone, excluded.every) then now() else kept.after_at end,
    next_at = case when (kept.cron, kept.timezone, kept.every)
      is distinct from (excluded.cron, excluded.timezone, excluded.every) then null else kept.next_at end
  where kept.source = 'code' and (
    kept.problem is not null or kept.signature::text <> excluded.signature::text
    or (kept.cron, kept.timezone, kept.every, kept.missed)
      is distinct from (excluded.cron, excluded.timezone, excluded.every, excluded.missed)
  )`;

const FORGET = `
  delete from celeriac.schedule
  where source = 'code' and not name = any($1::text[]) returning name`;

const TAKEN = `
  select name from celeriac.schedule
  where source = 'database' and name = any($1::text[]) order by name`;

const LEADER =
  "select holder from celeriac.lease where name = $1 and expires_at > clock_timestamp()";

/** Reads and writes schedules. */
export class ScheduleStore {
  readonly #database: Sql;

  constructor({ database }: { database: Sql }) {
    this.#database = database;
  }

  /** Lists schedules, ordered by name.
   *
   * @param after lists only names after this one
   * @throws {DatabaseUnavailable} */
  async list(
    { after = "", limit }: { after?: string; limit: number },
  ): Promise<StoredSchedule[]> {
    return (await this.#database.query<ScheduleRow>(LIST, [after, limit])).map(fromRow);
  }

  /** @throws {DatabaseUnavailable} */
  async find(name: string): Promise<StoredSchedule | undefined> {
    const [row] = await this.#database.query<ScheduleRow>(FIND, [name]);
    return row && fromRow(row);
  }

  /** Stores a schedule. Its first tick is its first due time after now.
   *
   * @returns `undefined` when the name exists
   * @throws {DatabaseUnavailable} */
  async add(schedule: NewSchedule): Promise<StoredSchedule | undefined> {
    const { name, signature, cron, timezone, every, missed, paused = false } = schedule;
    const values = [name, written(signature), cron, timezone, every, missed, paused];
    const [row] = await this.#database.query<ScheduleRow>(ADD, values);
    return row && fromRow(row);
  }

  /** Removes a schedule with source `database`.
   *
   * @returns whether it was removed
   * @throws {DatabaseUnavailable} */
  async remove(name: string): Promise<boolean> {
    return (await this.#database.query(REMOVE, [name])).length > 0;
  }

  /** Pauses or resumes a schedule. Ticks missed during a pause are not sent later.
   *
   * @returns `undefined` when no schedule has that name
   * @throws {DatabaseUnavailable} */
  async pause(name: string, paused: boolean): Promise<StoredSchedule | undefined> {
    const [row] = await this.#database.query<ScheduleRow>(PAUSE, [name, paused]);
    return row && fromRow(row);
  }

  /** Replaces all schedules with source `code` by those that an app defines. Pauses stay.
   *
   * @returns `taken`: names that a schedule with source `database` already has, not stored; `gone`: names of removed schedules
   * @throws {DatabaseUnavailable} */
  async sync(schedules: readonly CodeSchedule[]): Promise<{ taken: string[]; gone: string[] }> {
    const names = schedules.map(({ name }) => name);
    const rows = schedules.map(({ signature, ...rest }) => ({
      ...rest,
      signature: written(signature),
    }));
    await this.#database.query(SYNC, [JSON.stringify(rows)]);
    const gone = await this.#database.query<{ name: string }>(FORGET, [names]);
    const taken = await this.#database.query<{ name: string }>(TAKEN, [names]);
    return { taken: taken.map(({ name }) => name), gone: gone.map(({ name }) => name) };
  }

  /** The active scheduler; `undefined` when there is none.
   *
   * @throws {DatabaseUnavailable} */
  async leader(): Promise<string | undefined> {
    const [row] = await this.#database.query<{ holder: string }>(LEADER, [SCHEDULER_LEASE]);
    return row?.holder;
  }
}

function written(signature: Signature): string {
  return stringifyJson(toWire(signature));
}
