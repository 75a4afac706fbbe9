/** Reads the tasks of the overview. */
import type { RecordFilter, TaskRecord } from "../../shared/results/result.ts";
import type { ListOptions, ResultStore } from "../../shared/results/store.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Caller } from "../access/caller.ts";
import { isVisible } from "../reading/visible_record.ts";

/** Rows of each list. */
const ROWS = 10;

/** Records that are read for each list: a limited caller may not see all of them. */
const READ_ROWS = 50;

/** Failed tasks whose errors are counted. */
const COUNTED_MAX = 200;

/** Errors that are listed. */
const ERRORS_SHOWN = 5;

const HOUR_MS = 3_600_000;

/** The number of failed tasks with an error. */
export interface ErrorCount {
  /** Its class. */
  readonly type: string;
  readonly count: number;
}

/** Newest records of each kind, and the oldest that waits. */
export interface OverviewTasks {
  /** FAILURE, of the last hour. */
  readonly failed: readonly TaskRecord[];
  /** The most frequent errors of the last hour. Absent if the reader may not read data. */
  readonly errors?: readonly ErrorCount[];
  /** Number of tasks whose errors were counted, if there are more. */
  readonly counted?: number;
  /** The oldest PENDING record. Absent if there is none. */
  readonly oldest?: TaskRecord;
  /** STARTED or PROGRESS. */
  readonly running: readonly TaskRecord[];
  readonly latest: readonly TaskRecord[];
}

/** Reads them for a caller. One read for each list: the overview must be fast, and a search for rare records takes several.
 *
 * @throws {DatabaseUnavailable} */
export async function readOverview(
  { list, clock }: { readonly list: ResultStore["list"]; readonly clock: Clock },
  caller: Caller,
): Promise<OverviewTasks> {
  const read = async (filter: RecordFilter, options: Partial<ListOptions> = {}) => {
    const page = await list(filter, { limit: READ_ROWS, results: false, ...options });
    const records = page.records.filter((record) => isVisible(caller, record));
    return { records, isAll: page.next === null };
  };
  const since = new Date(clock.now().getTime() - HOUR_MS);
  const [failed, waiting, started, progressing, latest] = await Promise.all([
    read({ state: "FAILURE", since }, { limit: COUNTED_MAX }),
    read({ state: "PENDING" }, {
      limit: caller.seesEverything ? 1 : READ_ROWS,
      oldestFirst: true,
    }),
    read({ state: "STARTED" }),
    read({ state: "PROGRESS" }),
    read({}),
  ]);
  const running = [...started.records, ...progressing.records]
    .sort((a, b) => Number(b.submittedAt) - Number(a.submittedAt));
  const [oldest] = waiting.records;
  return {
    failed: failed.records.slice(0, ROWS),
    ...(caller.has("tasks:read-data") && { errors: countErrors(failed.records) }),
    ...(!failed.isAll && { counted: failed.records.length }),
    ...(oldest && { oldest }),
    running: running.slice(0, ROWS),
    latest: latest.records.slice(0, ROWS),
  };
}

/** The most frequent errors, at most five.
 *
 * @example
 * ```ts
 * import { countErrors } from "./overview_tasks.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const failed = ["TypeError", "ValueError", "TypeError"].map((type) => (
 *   { exception: { exc_type: type, exc_message: [], exc_module: "builtins" } }
 * ));
 * assertEquals(countErrors(failed), [
 *   { type: "TypeError", count: 2 },
 *   { type: "ValueError", count: 1 },
 * ]);
 * ```
 */
export function countErrors(failed: readonly Pick<TaskRecord, "exception">[]): ErrorCount[] {
  const counts = new Map<string, number>();
  for (const { exception } of failed) {
    if (exception) counts.set(exception.exc_type, (counts.get(exception.exc_type) ?? 0) + 1);
  }
  return Array.from(counts, ([type, count]) => ({ type, count }))
    .sort((a, b) => b.count - a.count || (a.type < b.type ? -1 : 1))
    .slice(0, ERRORS_SHOWN);
}
