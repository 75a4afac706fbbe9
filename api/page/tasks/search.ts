/** Searches records for the list of tasks. */
import type { TaskRecord } from "../../../shared/results/result.ts";
import type { ResultStore } from "../../../shared/results/store.ts";
import type { Caller } from "../../access/caller.ts";
import { isFound } from "../../reading/visible_record.ts";
import type { TaskFilter } from "../../reading/task_filter.ts";

/** Records that a page shows, at least, if there are that many. */
const ROWS = 50;

/** Records that one search reads at most: some of them may be hidden from a caller. */
const READ_MAX = 1000;

/** Rows that the database checks at most if no index has the filter. */
const SEARCHED_MAX = 10_000;

/** Milliseconds after which a search reads no more. */
const SEARCH_MS = 1500;

/** A page of found records. */
export interface Found {
  readonly records: readonly TaskRecord[];
  /** Cursor of the next page; `null` when there is none. */
  readonly next: string | null;
  /** Number of records checked, if the search ended before it found enough. */
  readonly searched?: number;
}

/** Options of a search. */
export interface SearchOptions {
  readonly filter: TaskFilter;
  readonly caller: Caller;
  /** `next` of the previous page. */
  readonly cursor?: string | undefined;
  /** Milliseconds after which it reads no more. Default 1.5 s. */
  readonly limitMs?: number;
}

/** Reads pages until enough records match, or one of the limits is reached. All matching records of the pages read are returned, so
 * that none is skipped.
 *
 * @throws {InvalidInput} when the cursor is invalid */
export async function searchTasks(
  store: Pick<ResultStore, "list">,
  { filter, caller, cursor, limitMs = SEARCH_MS }: SearchOptions,
): Promise<Found> {
  const records: TaskRecord[] = [];
  let next = cursor ?? null;
  const endsAt = performance.now() + limitMs;
  for (let searched = 0, read = 0;;) {
    const page = await store.list(filter.stored, {
      limit: ROWS,
      results: false,
      searchMax: SEARCHED_MAX,
      ...(next !== null && { cursor: next }),
    });
    searched += page.searched ?? ROWS;
    read += ROWS;
    next = page.next;
    records.push(
      ...page.records.filter((record) => isFound(caller, record, filter)),
    );
    if (next === null || records.length >= ROWS) return { records, next };
    const isOver = page.searched !== undefined || read >= READ_MAX || performance.now() >= endsAt;
    if (isOver) return { records, next, searched };
  }
}
