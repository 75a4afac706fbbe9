/** Statements of lists: how to find the rows of a section, and their records. */
import type { Parameter } from "../database/database.ts";
import { InvalidInput } from "../errors.ts";
import { conditionSql, labelCondition } from "./condition.sql.ts";
import type { RecordFilter, State } from "./result.ts";
import type { Statements } from "./statements.ts";

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
  /** Relation to scan, with the columns `id`, `created_at`, `name`, `queue`, `worker`, `labels`, `submitted_by` and that of the state. */
  readonly source: string;
  /** Its column of the state. */
  readonly stateColumn: string;
  /** Relation with the records of the ids that the query returns. */
  records(ids: string): string;
  /** Columns with an index in the order of {@linkcode ORDERED_TIME}, by the hash of the value. Default none. */
  readonly indexed?: readonly ("name" | "queue" | "worker")[];
  /** A condition on the source that matches the rows of a state. It is part of the statement, not a parameter, so that the planner can
   * use a partial index. */
  inState(state: State): string;
  /** Whether its rows have labels. Default `false`. */
  readonly hasLabels?: boolean;
}

/** The creation time as the indexes of {@linkcode Listed.indexed} have it. The order is that of the time. */
const ORDERED_TIME = "(created_at at time zone 'UTC')";

/** Creates `isIndexed` and `listing` for a set of tables. */
export function listingOf(
  { source, stateColumn, records, inState, indexed = [], hasLabels = false }: Listed,
): Pick<Statements, "isIndexed" | "listing"> {
  const columns = (filter: RecordFilter) =>
    FILTERS.filter((column) => filter[column] !== undefined);
  const haveIndex = (filter: RecordFilter) =>
    columns(filter).every((column) => indexed.includes(column));
  const isIndexed = (filter: RecordFilter) => {
    const { label, conditions = [], states = [] } = filter;
    return label === undefined && conditions.length === 0 && !states.includes("SUCCESS") &&
      haveIndex(filter);
  };
  const listing: Statements["listing"] = (
    { filter, window, limit, after, results, oldestFirst = false },
  ) => {
    const [order, beyond] = oldestFirst ? ["asc", ">"] : ["desc", "<"];
    const { since, until, label, states, conditions = [] } = filter;
    const separate = separateStates(filter);
    const hashed = haveIndex(filter);
    // Rows of other states than SUCCESS are few and have an index in the order of created_at: the planner chooses between both.
    const byColumn = hashed && columns(filter).length > 0 &&
      separate.every((state) => state === "SUCCESS");
    const time = byColumn ? ORDERED_TIME : "created_at";
    const timestamp = (text: string) =>
      byColumn ? `(${text}::timestamptz at time zone 'UTC')` : `${text}::timestamptz`;
    const parameters: Parameter[] = [];
    const given = (value: Parameter) => `$${parameters.push(value)}`;
    const scanned: string[] = [];
    const matching: string[] = [];
    if (after) {
      const [at, id] = [timestamp(given(after.time)), given(after.id)];
      scanned.push(`(${time}, id) ${beyond} (${at}, ${id})`);
    }
    if (since) scanned.push(`${time} >= ${timestamp(given(since.toISOString()))}`);
    if (until) scanned.push(`${time} < ${timestamp(given(until.toISOString()))}`);
    if (states?.length === 0) scanned.push("false");
    if (states?.includes("SUCCESS")) matching.push(`(${states.map(inState).join(" or ")})`);
    if (label) {
      if (!hasLabels) {
        throw new InvalidInput(
          "Cannot list by label because Django's tables have no labels: filter by another field",
          "label",
        );
      }
      matching.push(labelCondition(label, given));
    }
    for (const column of columns(filter)) {
      const expected = given(filter[column]!);
      // Two conditions on one column in one scan would make the planner expect too few rows.
      if (hashed) scanned.push(`hashtext(${column}) = hashtext(${expected})`);
      matching.push(`${column} = ${expected}`);
    }
    matching.push(...conditions.map((condition) => conditionSql(condition, given)));
    const [size, most] = [given(window), given(limit)];
    const scan = (state?: State) => `
      select id, created_at, ${time} as ordered, name, queue, worker, labels, submitted_by, ${stateColumn}
      from ${source} ${where([...(state ? [inState(state)] : []), ...scanned])}
      order by ${time} ${order}, id ${order} limit ${size}`;
    const [state, ...others] = separate;
    const seen = others.length === 0 ? scan(state) : `
      select * from (${separate.map((one) => `(${scan(one)})`).join(" union all ")}) as state
      order by ordered ${order}, id ${order} limit ${size}`;
    // Without an index, rows are read until enough match. Only if too few do, the last row of the section is looked up.
    const rows = isIndexed(filter) ? "seen" : `(${seen}) as seen`;
    const statement = `
      with ${isIndexed(filter) ? `seen as materialized (${seen}), ` : ""}page as materialized (
        select id from ${rows} ${
      where(matching)
    } order by ordered ${order}, id ${order} limit ${most}
      ), edge as (
        ${
      matching.length === 0 ? "select null as last_time, null as last_id" : `
        select ${writtenTime("created_at")} as last_time, id as last_id from ${rows}
        where (select count(*) from page) < ${most}
        order by ordered ${order}, id ${order} offset ${size} - 1 limit 1`
    }
      )
      select edge.*, ${LISTED}, ${results ? "record.result" : "null as result"}
      from (values (1)) as one left join edge on true left join (
        select *, ${writtenTime("created_at")} as time from ${records("select id from page")}
      ) as record on true
      order by record.time ${order}, record.id ${order}`;
    return { statement, parameters };
  };
  return { isIndexed, listing };
}

/** States that are scanned one by one, each by an index. SUCCESS has none: a list of several states with it scans all rows. */
function separateStates({ state, states = [] }: RecordFilter): readonly State[] {
  if (state) return [state];
  return states.includes("SUCCESS") ? [] : states;
}

function where(conditions: readonly string[]): string {
  return conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
}

/** Formats microseconds, which a JavaScript Date cannot hold. */
function writtenTime(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
