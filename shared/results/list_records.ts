/** Reads a page of records: section by section, until enough match. */
import { LIST_OPTIONS, type Sql } from "../database/database.ts";
import { DatabaseTooSlow, InvalidInput } from "../errors.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import { type RecordFilter, type RecordPage, STATES, type TaskRecord } from "./result.ts";
import { type Row, toRecord } from "./row.ts";
import type { Position, Statements } from "./statements.ts";
import type { ListOptions } from "./store.ts";

/** A row of a list: a record with its position, the position of the last scanned row, or both. */
interface ListedRow extends Omit<Row, "id"> {
  readonly id: string | null;
  readonly time: string;
  readonly last_time: string | null;
  readonly last_id: string | null;
}

/** Rows scanned in one statement when a filter has no index. */
const WINDOW = 10_000;

/** Milliseconds of scanning after which an incomplete page is returned. */
const SCAN_MS = 1000;

/** Lists records, newest first by default.
 *
 * @param sql the database, or a transaction
 * @throws {InvalidInput} when the limit is out of range, or the cursor is invalid
 * @throws {DatabaseTooSlow} when the database found no record in time */
export async function listRecords(
  sql: Sql,
  { isIndexed, listing }: Statements,
  filter: RecordFilter,
  { limit, cursor, results = true, oldestFirst = false, searchMax = Infinity }: ListOptions,
): Promise<RecordPage> {
  check(filter, limit);
  const deadline = performance.now() + SCAN_MS;
  const records: TaskRecord[] = [];
  let after: Position | undefined = cursor === undefined ? undefined : readCursor(cursor);
  for (let searched = 0;;) {
    // Read one more than requested to detect a next page.
    const remaining = limit - records.length + 1;
    const window = isIndexed(filter) ? remaining : WINDOW;
    const { statement, parameters } = listing({
      filter,
      window,
      limit: remaining,
      after,
      results,
      oldestFirst,
    });
    let rows: ListedRow[];
    try {
      rows = await sql.query<ListedRow>(statement, parameters, LIST_OPTIONS);
    } catch (error) {
      if (searched === 0 || !after || !(error instanceof DatabaseTooSlow)) throw error;
      return { records, next: writeCursor(after), searched };
    }
    for (const { id, ...row } of rows) {
      if (id === null) continue;
      if (records.length === limit) return { records, next: after ? writeCursor(after) : null };
      records.push(toRecord({ ...row, id }));
      after = { time: row.time, id };
    }
    const { last_time: time = null, last_id: id = null } = rows[0] ?? {};
    if (time === null || id === null) return { records, next: null };
    after = { time, id };
    searched += window;
    if (searched >= searchMax || performance.now() > deadline) {
      return { records, next: writeCursor(after), searched };
    }
  }
}

function check({ state }: RecordFilter, limit: number): void {
  if (state !== undefined && !STATES.includes(state)) {
    throw new InvalidInput(
      `Cannot list tasks in state '${state}' because that state does not exist: use one of ${
        STATES.join(", ")
      }`,
      "state",
    );
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new InvalidInput(
      `Cannot list ${limit} tasks because a page has 1 to 1,000: choose a limit in that range`,
      "limit",
    );
  }
}
