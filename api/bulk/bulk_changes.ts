/** What a bulk job does with one task. */
import type { Broker } from "../../shared/broker/broker.ts";
import { InvalidInput, Unroutable } from "../../shared/errors.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import { revokeRecord } from "../actions/revoke_task.ts";
import { rerunOf } from "../actions/rerun_task.ts";
import { retryRecord, type RetryRecordParts } from "../actions/retry_task.ts";
import { Problem } from "../http/problem.ts";
import type { Submitter } from "../submitting/submitter.ts";
import type { BulkJob } from "./bulk_job.ts";
import { BulkSelection } from "./bulk_selection.ts";

/** Dependencies of {@linkcode changeTask}. */
export interface BulkChangeParts extends RetryRecordParts {
  readonly store: Pick<ResultStore, "find" | "revoke">;
  readonly broker: Pick<Broker, "publish">;
  readonly submitter: Pick<Submitter, "submit">;
}

/** Changes one task, if it is still selected. A repetition after a crash changes nothing twice: a rerun has an idempotency key, and the other
 * actions look at the state.
 *
 * @returns why the task cannot be changed; `undefined` if it was, and `null` if it is no longer selected
 * @throws when a server does not answer: the step is repeated */
export async function changeTask(
  parts: BulkChangeParts,
  job: BulkJob,
  id: string,
): Promise<string | undefined | null> {
  // Lists contain no inputs, and the state may have changed since.
  const record = await parts.store.find(id);
  if (!record || !new BulkSelection(job.filter, job).includes(record)) return null;
  const { caller, terminate } = job;
  try {
    switch (job.action) {
      case "revoke":
        await revokeRecord(parts, id, { terminate });
        return undefined;
      case "retry":
        await retryRecord(parts, record, caller);
        return undefined;
      case "rerun": {
        const submission = rerunOf(record, {}, { rules: parts.rules, caller });
        await parts.submitter.submit(submission, { key: `bulk ${job.id} ${id}` });
        return undefined;
      }
      default:
        return job.action satisfies never;
    }
  } catch (error) {
    const isRefused = error instanceof Problem && error.status < 500;
    if (isRefused || error instanceof InvalidInput || error instanceof Unroutable) {
      return error.message;
    }
    throw error;
  }
}
