/** The tasks that a job changes. */
import type { RecordFilter, State, TaskRecord } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { Caller } from "../access/caller.ts";
import { refusal } from "../http/problem.ts";
import { type FilterMistake, readFilter, STATE_WORDS } from "../reading/task_filter.ts";
import { isFound } from "../reading/visible_record.ts";
import type { BulkFilter } from "./bulk_job.ts";

/** Records that the count of a dry run reads, at most. */
const COUNTED_MAX = 100_000;

/** Milliseconds after which it reads no more. */
const COUNT_MS = 2000;

/** Records in one page of a count. */
const COUNT_PAGE = 1000;

/** The number of selected tasks. */
export interface SelectionCount {
  readonly matched: number;
  /** State -> tasks in it. */
  readonly states: Readonly<Partial<Record<State, number>>>;
  /** Whether all records were read; otherwise there may be more. */
  readonly complete: boolean;
}

/** Reads of records. */
export type SelectionStore = Pick<ResultStore, "find" | "list">;

/** Some of the selected tasks, and where the next ones begin; `null` at the end. */
export interface SelectedPage {
  readonly records: readonly TaskRecord[];
  readonly next: string | null;
}

/** Reads the tasks that match a filter and that a caller may see, newest first. The set is frozen: only tasks that were created before a time.
 * Their states are those at the time of the read. */
export class BulkSelection {
  readonly #filter: ReturnType<typeof readFilter>;
  readonly #ids: readonly string[] | undefined;
  readonly #caller: Caller;

  /** @throws {Problem} `invalid-input` naming every mistake in `q` */
  constructor(
    { q = "", ids }: BulkFilter,
    { frozenAt, caller }: { readonly frozenAt: Date; readonly caller: Caller },
  ) {
    const filter = readFilter(q, frozenAt);
    if (filter.mistakes.length > 0) {
      throw refusal("the filter", filter.mistakes, (mistake) => ({
        field: "filter.q",
        message: messageOf(mistake),
      }));
    }
    const { until = frozenAt } = filter.stored;
    const earlier = until < frozenAt ? until : frozenAt;
    this.#filter = { ...filter, stored: { ...filter.stored, until: earlier } };
    this.#ids = ids;
    this.#caller = caller;
  }

  /** Reads some tasks.
   *
   * @param position `next` of the page before; `null` at the beginning
   * @param limit maximum records to read; fewer may match */
  async read(store: SelectionStore, position: string | null, limit: number): Promise<SelectedPage> {
    if (this.#ids) return await this.#readIds(store, this.#ids, Number(position ?? 0), limit);
    const { records, next } = await store.list(this.#filter.stored, {
      limit,
      results: false,
      ...(position !== null && { cursor: position }),
    });
    return { records: records.filter((record) => this.includes(record)), next };
  }

  /** Counts the tasks. */
  async count(store: SelectionStore): Promise<SelectionCount> {
    const endsAt = performance.now() + COUNT_MS;
    let matched = 0;
    const states: Partial<Record<State, number>> = {};
    let position: string | null = null;
    for (let read = 0; read < COUNTED_MAX; read += COUNT_PAGE) {
      const page: SelectedPage = await this.read(store, position, COUNT_PAGE);
      matched += page.records.length;
      for (const { state } of page.records) states[state] = (states[state] ?? 0) + 1;
      position = page.next;
      if (position === null) return { matched, states, complete: true };
      if (performance.now() >= endsAt) break;
    }
    return { matched, states, complete: false };
  }

  /** Whether a record is selected, as it is now. */
  includes(record: TaskRecord): boolean {
    const { stored } = this.#filter;
    if (!isFound(this.#caller, record, this.#filter)) return false;
    // A list compares the time of creation, which records do not contain and which never changes. `isFound` checks the other conditions.
    return isStoredMatch(record, stored) && (!this.#ids || isInTime(record, stored));
  }

  async #readIds(
    store: SelectionStore,
    ids: readonly string[],
    start: number,
    limit: number,
  ): Promise<SelectedPage> {
    const found = await Promise.all(
      ids.slice(start, start + limit).map((id) => store.find(id)),
    );
    const end = start + limit;
    return {
      records: found.filter((record) => record !== undefined)
        .filter((record) => this.includes(record)),
      next: end < ids.length ? String(end) : null,
    };
  }
}

/** Whether a record meets the conditions that a list leaves to the store. */
function isStoredMatch(
  record: TaskRecord,
  { name, state, queue, worker, label }: RecordFilter,
): boolean {
  const values = label && record.labels && Object.hasOwn(record.labels, label.name)
    ? [record.labels[label.name]!].flat()
    : [];
  return (name === undefined || record.name === name) &&
    (state === undefined || record.state === state) &&
    (queue === undefined || record.queue === queue) &&
    (worker === undefined || record.worker === worker) &&
    (label === undefined || values.includes(label.value));
}

/** Whether a task was submitted in the time of a filter. Records of tasks from Celery have no such time: the first one that they have counts. */
function isInTime(
  { submittedAt, startedAt, finishedAt, updatedAt }: TaskRecord,
  { since, until }: RecordFilter,
): boolean {
  const at = submittedAt ?? startedAt ?? finishedAt ?? updatedAt;
  return (since === undefined || at >= since) && (until === undefined || at < until);
}

function messageOf(mistake: FilterMistake): string {
  switch (mistake.kind) {
    case "unknown-key":
      return `unknown condition '${mistake.key}'${
        mistake.near === undefined ? "" : `: did you mean '${mistake.near}'?`
      }`;
    case "state":
      return `unknown state '${mistake.value}': use one of ${STATE_WORDS.join(", ")}`;
    case "time":
      return `cannot read the time '${mistake.value}': use 30m, 1h, 2d, or 2026-11-30T09:00:00Z`;
    case "label":
      return "a label needs a name and a value: label.order:7";
    case "empty":
      return `the condition '${mistake.key}' has no value`;
  }
}
