/** The interface between the store and a set of tables: statements with the same parameters and results for all tables. */
import type { Parameter, Sql } from "../database/database.ts";
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
  /** `$1`: the node that claims; `$2`: unique ids; `$3`: their rounds. Returns id, state, retries and deliveries of existing records, and id
   * and `held` of tasks that another worker holds. */
  readonly claim: string;
  /** `$1`: unique ids; `$2`: the redelivered ones. Inserts missing rows, so that deliveries of a task that kills its worker are counted.
   * Run by `celeriac.claim()` once it holds the tasks. */
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
  /** Lists one section. Returns at least one row. Each row is a record with its position (`null` if none matches) and the position of the
   * last scanned row (`last_time`, `last_id`; `null` if the limit or the end of the table was reached first). */
  listing(section: Section): { statement: string; parameters: Parameter[] };
}

/** A condition of `settledBefore` on a record `known` and a `settlement`; both columns store JSON text unchanged. Runs of one task may
 * overlap in a worker if the first run's connection is lost; their results can differ. */
export const SAME_VALUE = `
    coalesce(known.result::text, 'null') = coalesce(settlement.result, 'null')
    and coalesce(known.exception::text, 'null') = coalesce(settlement.exception, 'null')`;

/** Builds the statement `claim` from one that reads records by their ids (`$1`) and may depend on the connection's `search_path`. The
 * database runs it after the claim, so that it finds what was committed meanwhile. */
export function claimAndRead(reading: string): string {
  return `
    select id, state, retries, deliveries, held
    from celeriac.claim($1, $2::text[], $3::integer[], '{}', $reading$${reading}$reading$)`;
}

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
