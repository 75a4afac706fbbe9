/** Records as a caller may see them. */
import type { Caller } from "../access/caller.ts";
import type { TaskRecord } from "../../shared/results/result.ts";
import type { TaskFilter } from "./task_filter.ts";
import { recordJson, type resultlessJson } from "./record.ts";

/** Whether a caller's patterns match a record. A record that a caller cannot see does not exist for it. */
export function isVisible(caller: Caller, record: TaskRecord): boolean {
  return caller.seesEverything || caller.sees(record);
}

/** The record, if it exists and the caller's patterns match it. */
export function visible(caller: Caller, record: TaskRecord | undefined): TaskRecord | undefined {
  return record && isVisible(caller, record) ? record : undefined;
}

/** Whether a filter finds a record for a caller: conditions on data match nothing that it may not read. */
export function isFound(
  caller: Caller,
  record: TaskRecord,
  { matches }: Pick<TaskFilter, "matches">,
): boolean {
  return isVisible(caller, record) &&
    matches(caller.has("tasks:read-data") ? record : redacted(record));
}

/** Whether a caller may see all tasks of these names, whatever their queues: records of workflows contain no queues. */
export function seesTasks(caller: Caller, names: readonly string[]): boolean {
  return caller.seesEverything || names.every((name) => caller.sees({ name, queue: null }));
}

/** Serializes a record for a caller: without the scope `tasks:read-data` all data is `null`, and `redacted` is true.
 *
 * @example
 * ```ts
 * import { visibleJson } from "./visible_record.ts";
 * import { pendingRecord } from "./record.ts";
 * import { ALL_RIGHTS, Caller } from "../access/caller.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const watcher = new Caller("key:a", "watcher", { ...ALL_RIGHTS, scopes: ["tasks:read"] });
 * const record = { ...pendingRecord("a", new Date(0)), state: "SUCCESS" as const, result: "[1, 2]" };
 * const { state, result, redacted } = JSON.parse(visibleJson(watcher, record));
 * assertEquals([state, result, redacted], ["SUCCESS", null, true]);
 * ```
 */
export function visibleJson(
  caller: Caller,
  record: TaskRecord,
  write: typeof recordJson | typeof resultlessJson = recordJson,
): string {
  if (caller.has("tasks:read-data")) return write(record);
  return `${write(redacted(record)).slice(0, -1)},"redacted":true}`;
}

/** A record without what its task received, returned or threw. */
export function redacted(record: TaskRecord): TaskRecord {
  const { meta: _meta, input: _input, ...rest } = record;
  return {
    ...rest,
    argsRepr: null,
    kwargsRepr: null,
    result: null,
    exception: null,
    traceback: null,
    ...(record.history && {
      history: record.history.map((attempt) => ({ ...attempt, error: null })),
    }),
  };
}
