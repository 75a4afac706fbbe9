/** The interface between the store and a set of tables: statements with the same parameters and results for all tables. */
import { InvalidInput } from "../errors.ts";
import type { Sql } from "../database/database.ts";
import type { RecordFilter } from "./result.ts";

/** The statements. Each takes many rows as one JSON text. Compared with arrays, that costs the client a third and the server no more. */
export interface Statements {
  /** `$1`: submissions. Returns one row with the number of new records. */
  readonly submitted: string;
  /** `$1`: ids. Returns those without a record, or with one that has no name. */
  readonly unrecorded: string;
  /** `$1`: settlements with unique ids; `$2`: outbox entries; `$3`, `$4`, `$5`: name, queue and worker of settlements that have none.
   * Returns the ids whose state was stored. */
  readonly settle: string;
  /** `$1`: settlements that were not stored. Returns the ids whose row is identical: an earlier call stored them, and its reply was lost. */
  readonly settledBefore: string;
  /** `$1`: unique ids; `$2` is unused. Run by `celeriac.claim()`, like `reclaim`. */
  readonly claim: string;
  /** `$1`: unique ids; `$2`: the redelivered ones. Inserts missing rows, so that deliveries of a task that kills its worker are counted. */
  readonly reclaim: string;
  /** `$1`: id; `$2`: exception, JSON text. Returns the previous state and whether the task is revoked now. */
  readonly revoke: string;
  /** `$1`: ids, each with the retries of the message that is sent again. Sets failed tasks to PENDING and returns their ids. */
  readonly reopen: string;
  /** `$1`: {@linkcode GivenUp} tasks. Makes their records final, or inserts them, unless they are final or at a later attempt. */
  readonly fail: string;
  /** `$1`: id; `$2`: details of its last run, a JSON object that is merged by key. */
  readonly annotate: string;
  /** `$1`: id. Returns its record. */
  readonly find: string;
  /** `$1`: ids. Returns id, state, result and exception of existing records. */
  readonly outcomes: string;
  /** `$1`: ids. Returns id and state of existing records. */
  readonly states: string;
  /** `$1`: ids. Returns id, name, queue and state of existing records. */
  readonly summaries: string;
  /** Whether an index has the rows of a filter in the order of the list. Otherwise sections are scanned for matching rows. */
  isIndexed(filter: RecordFilter): boolean;
  /** Lists one section. Each row is a record with its position (`null` if none matches), the number of scanned rows (`seen`) and the
   * position of the last one (`last_time`, `last_id`). */
  listing(section: Section): { statement: string; parameters: (string | number)[] };
}

/** A condition of `settledBefore` on a record `known` and a `settlement`; both columns store JSON text unchanged. Runs of one task may
 * overlap in a worker if the first run's connection is lost; their results can differ. */
export const SAME_VALUE = `
    coalesce(known.result::text, 'null') = coalesce(settlement.result, 'null')
    and coalesce(known.exception::text, 'null') = coalesce(settlement.exception, 'null')`;

/** A set of tables. */
export interface Tables {
  /** Its statements, which may depend on the tables' columns.
   *
   * @throws {DatabaseUnavailable} */
  statements(sql: Sql): Promise<Statements> | Statements;
}

/** A row's position in a list: its creation time in microseconds, and its id. */
export interface Position {
  readonly time: string;
  readonly id: string;
}

/** A section of a table to scan, and what to read from it. */
export interface Section {
  readonly filter: RecordFilter;
  /** Number of rows to scan. */
  readonly window: number;
  /** Maximum number of matching rows to return. */
  readonly limit: number;
  readonly after: Position | undefined;
  /** Whether to read results and progress values, which may have megabytes each. */
  readonly results: boolean;
  /** Whether the oldest rows come first. Default `false`. */
  readonly oldestFirst?: boolean;
}

/** Columns of a listed record, except `result`. */
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
  "history",
  "labels",
  "submitted_by",
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

/** Filters by a column. */
const FILTERS = ["name", "queue", "worker"] as const;

/** How to list a set of tables. */
export interface Listed {
  /** Relation to scan, with the columns `id`, `created_at`, `name`, `queue` and `worker`. */
  readonly source: string;
  /** Relation with the records of the ids that the query returns. */
  records(ids: string): string;
  /** Columns with an index in the order of {@linkcode ORDERED_TIME}, by the hash of the value. Default none. */
  readonly indexed?: readonly ("name" | "queue" | "worker")[];
  /** A condition on the source that matches the rows of a state. It is part of the statement, not a parameter, so that the planner can
   * use a partial index. */
  inState(state: NonNullable<RecordFilter["state"]>): string;
  /** Whether its rows have labels. Default `false`. */
  readonly hasLabels?: boolean;
}

/** The creation time as the indexes of {@linkcode Listed.indexed} have it. The order is that of the time. */
const ORDERED_TIME = "(created_at at time zone 'UTC')";

/** Creates `isIndexed` and `listing` for a set of tables. */
export function listingOf(
  { source, records, inState, indexed = [], hasLabels = false }: Listed,
): Pick<Statements, "isIndexed" | "listing"> {
  const columns = (filter: RecordFilter) =>
    FILTERS.filter((column) => filter[column] !== undefined);
  const isIndexed = (filter: RecordFilter) =>
    filter.label === undefined && columns(filter).every((column) => indexed.includes(column));
  const listing: Statements["listing"] = (
    { filter, window, limit, after, results, oldestFirst = false },
  ) => {
    const [order, reverse, beyond] = oldestFirst ? ["asc", "desc", ">"] : ["desc", "asc", "<"];
    const exact = isIndexed(filter);
    // Rows of other states than SUCCESS are few and have an index in the order of created_at: the planner chooses between both.
    const byColumn = exact && columns(filter).length > 0 &&
      (filter.state ?? "SUCCESS") === "SUCCESS";
    const time = byColumn ? ORDERED_TIME : "created_at";
    const timestamp = (text: string) =>
      byColumn ? `(${text}::timestamptz at time zone 'UTC')` : `${text}::timestamptz`;
    const parameters: (string | number)[] = [];
    const given = (value: string | number) => `$${parameters.push(value)}`;
    const scanned: string[] = [];
    if (filter.state) scanned.push(inState(filter.state));
    if (after) {
      const [at, id] = [timestamp(given(after.time)), given(after.id)];
      scanned.push(`(${time}, id) ${beyond} (${at}, ${id})`);
    }
    if (filter.since) {
      const since = timestamp(given(filter.since.toISOString()));
      scanned.push(`${time} >= ${since}`);
    }
    if (filter.until) {
      const until = timestamp(given(filter.until.toISOString()));
      scanned.push(`${time} < ${until}`);
    }
    const matching: string[] = [];
    if (filter.label) {
      if (!hasLabels) {
        throw new InvalidInput(
          "Cannot list by label because Django's tables have no labels: filter by another field",
          "label",
        );
      }
      matching.push(labelCondition(filter.label, given));
    }
    for (const column of columns(filter)) {
      const expected = given(filter[column]!);
      // Two conditions on one column in one scan would make the planner expect too few rows.
      if (exact) scanned.push(`hashtext(${column}) = hashtext(${expected})`);
      matching.push(`${column} = ${expected}`);
    }
    const statement = `
      with seen as materialized (
        select id, created_at, name, queue, worker${
      filter.label ? ", labels" : ""
    } from ${source} ${where(scanned)}
        order by ${time} ${order}, id ${order} limit ${given(window)}
      ), page as (
        select id from seen ${where(matching)}
        order by created_at ${order}, id ${order} limit ${given(limit)}
      ), edge as (
        select ${writtenTime("created_at")} as last_time, id as last_id,
          (select count(*) from seen)::integer as seen
        from seen order by created_at ${reverse}, id ${reverse} limit 1
      )
      select edge.*, ${LISTED}, ${results ? "record.result" : "null as result"}
      from edge left join (
        select *, ${writtenTime("created_at")} as time from ${records("select id from page")}
      ) as record on true
      order by record.time ${order}, record.id ${order}`;
    return { statement, parameters };
  };
  return { isIndexed, listing };
}

/** A condition for rows with a label. Its value is a text, or one of a list. */
function labelCondition(
  { name, value }: NonNullable<RecordFilter["label"]>,
  given: (value: string) => string,
): string {
  const [one, listed] = [{ [name]: value }, { [name]: [value] }].map((label) =>
    `labels @> ${given(JSON.stringify(label))}::text::jsonb`
  );
  return `(${one} or ${listed})`;
}

function where(conditions: readonly string[]): string {
  return conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
}

/** Formats microseconds, which a JavaScript Date cannot hold. */
function writtenTime(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
