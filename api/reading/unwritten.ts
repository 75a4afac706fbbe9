/** Reads records together with the submissions of this process that have no record yet. */
import type { PendingTask, TaskRecord } from "../../shared/results/result.ts";
import { pendingRecord } from "./record.ts";

/** Finds a submission that may have no record yet. */
export interface Unwritten {
  find(id: string): PendingTask | undefined;
}

/** Adds what a submission says to the record of its task: to none, or to one without a name, which a revoke or a redelivery wrote.
 *
 * @example
 * ```ts
 * import { readWithUnwritten } from "./unwritten.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const submission = {
 *   id: "a", name: "add", queue: "celeriac.default", argsRepr: "()", kwargsRepr: "{}", submittedAt: new Date(0),
 * };
 * const find = readWithUnwritten(() => Promise.resolve(undefined), { find: () => submission });
 * const record = await find("a");
 * assertEquals([record?.name, record?.state], ["add", "PENDING"]);
 * ```
 */
export function readWithUnwritten(
  read: (id: string) => Promise<TaskRecord | undefined>,
  submissions: Unwritten,
): (id: string) => Promise<TaskRecord | undefined> {
  return async (id) => {
    // Before the read: the submission is forgotten once its record is written.
    const submission = submissions.find(id);
    const record = await read(id);
    if (!submission || (record && record.name !== null)) return record;
    const { name, queue, argsRepr, kwargsRepr, labels, submittedBy, submittedAt } = submission;
    return {
      ...record ?? pendingRecord(id, submittedAt),
      name,
      queue: record?.queue ?? queue,
      argsRepr: record?.argsRepr ?? argsRepr,
      kwargsRepr: record?.kwargsRepr ?? kwargsRepr,
      ...(labels && { labels }),
      ...(submittedBy !== undefined && { submittedBy }),
      submittedAt,
    };
  };
}
