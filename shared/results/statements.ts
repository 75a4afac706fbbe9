/** What a store asks of a set of tables: statements that take and give the same, whatever the tables look like. */
import type { Sql } from "../database/database.ts";
import type { RecordFilter } from "./result.ts";

/** The statements. Each takes many rows at once, as one JSON text: measured against arrays, it costs the client a third and the server no more. */
export interface Statements {
  /** `$1`: submissions. */
  readonly submitted: string;
  /** `$1`: settlements, each id once; `$2`: outbox entries. Returns the ids whose state was taken. */
  readonly settle: string;
  /** `$1`: settlements that were not taken. Returns the ids whose row says the very same: they were taken before, and the answer got lost. */
  readonly settledBefore: string;
  /** `$1`: ids, each once; `$2` stays unread. Run by `celeriac.claim()`, as `reclaim` is. */
  readonly claim: string;
  /** `$1`: ids, each once; `$2`: those handed out again. A row is made where there is none: a task that kills its worker must be counted. */
  readonly reclaim: string;
  /** `$1`: id; `$2`: exception, JSON text. Returns the state before and whether the task is revoked now. */
  readonly revoke: string;
  /** `$1`: ids, and the retries of the message that is sent again for each. Makes those that failed PENDING, and returns their ids. */
  readonly reopen: string;
  /** `$1`: {@linkcode GivenUp} tasks. Makes their records final, also where there is none, unless they are final or at a later attempt. */
  readonly fail: string;
  /** `$1`: id; `$2`: what else is known of its last run, a JSON object whose keys replace those of the same name. */
  readonly annotate: string;
  /** `$1`: id. Returns its record. */
  readonly find: string;
  /** `$1`: ids. Returns id, state, result and exception of those that there are. */
  readonly outcomes: string;
  /** `$1`: ids. Returns id and state of those that there are. */
  readonly states: string;
  /** Lists one stretch. Each row is a record with its place (`null` where nothing fits), and bears how many rows were looked at (`seen`)
   * and the place of the last (`last_time`, `last_id`). */
  listing(stretch: Stretch): { statement: string; parameters: (string | number)[] };
}

/** A condition of `settledBefore`, on a record `known` and a `settlement`: both columns keep JSON text as it came. Runs of one task may overlap
 * in one worker, where the connection is lost under the first; what one returned is not what the other did. */
export const SAME_VALUE = `
    coalesce(known.result::text, 'null') = coalesce(settlement.result, 'null')
    and coalesce(known.exception::text, 'null') = coalesce(settlement.exception, 'null')`;

/** A set of tables. */
export interface Tables {
  /** Its statements, which may depend on what the tables look like.
   *
   * @throws {DatabaseUnavailable} */
  statements(sql: Sql): Promise<Statements> | Statements;
}

/** A row's place in a list: the time it was made, to the microsecond, and its id. */
export interface Position {
  readonly time: string;
  readonly id: string;
}

/** Which stretch of the table to look at, and what to take from it. */
export interface Stretch {
  readonly filter: RecordFilter;
  /** Rows to look at, newest first. */
  readonly window: number;
  /** Rows to take of those that fit. */
  readonly limit: number;
  readonly after: Position | undefined;
  /** Whether to read what the tasks returned or reported; each may be megabytes. */
  readonly results: boolean;
}

/** Columns of a listed record, but for `result`. */
const LISTED = [
  "id",
  "name",
  "state",
  "queue",
  "worker",
  "args_repr",
  "kwargs_repr",
  "exception",
  "traceback",
  "children",
  "meta",
]
  .concat(
    "retries",
    "deliveries",
    "submitted_at",
    "started_at",
    "finished_at",
    "updated_at",
    "time",
  )
  .map((column) => `record.${column}`).join(", ");

/** How a set of tables is listed. */
export interface Listed {
  /** What to look through: a relation with the columns `id`, `created_at`, `name`, `queue` and `worker`. */
  readonly source: string;
  /** Records of the ids that the query yields: a relation. */
  records(ids: string): string;
  /** A condition on the source that holds for the rows of a state. It is written into the statement, not given to it: only so can the
   * planner use an index on some states. */
  inState(state: NonNullable<RecordFilter["state"]>): string;
}

/** Makes `listing` for a set of tables. */
export function listingOf({ source, records, inState }: Listed): Statements["listing"] {
  return ({ filter, window, limit, after, results }) => {
    const parameters: (string | number)[] = [];
    const given = (value: string | number) => `$${parameters.push(value)}`;
    const within: string[] = [];
    if (filter.state) within.push(inState(filter.state));
    if (after) {
      within.push(`(created_at, id) < (${given(after.time)}::timestamptz, ${given(after.id)})`);
    }
    if (filter.since) {
      within.push(`created_at >= ${given(filter.since.toISOString())}::timestamptz`);
    }
    if (filter.until) within.push(`created_at < ${given(filter.until.toISOString())}::timestamptz`);
    const fitting: string[] = [];
    for (const column of ["name", "queue", "worker"] as const) {
      const wanted = filter[column];
      if (wanted !== undefined) fitting.push(`${column} = ${given(wanted)}`);
    }
    const statement = `
      with seen as materialized (
        select id, created_at, name, queue, worker from ${source} ${where(within)}
        order by created_at desc, id desc limit ${given(window)}
      ), page as (
        select id from seen ${where(fitting)} order by created_at desc, id desc limit ${
      given(limit)
    }
      ), edge as (
        select ${time("created_at")} as last_time, id as last_id,
          (select count(*) from seen)::integer as seen
        from seen order by created_at, id limit 1
      )
      select edge.*, ${LISTED}, ${results ? "record.result" : "null as result"}
      from edge left join (
        select *, ${time("created_at")} as time from ${records("select id from page")}
      ) as record on true
      order by record.time desc, record.id desc`;
    return { statement, parameters };
  };
}

function where(conditions: readonly string[]): string {
  return conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
}

/** JavaScript's Date has no place for microseconds. */
function time(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
