/** Runs a task again under a new id on behalf of a request. */
import type { Context } from "hono";
import type { TaskRecord } from "../../shared/results/result.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { Caller } from "../access/caller.ts";
import { attributed, callerOf, ownKey, requireSignature } from "../access/request_caller.ts";
import { Problem } from "../http/problem.ts";
import { type Edits, rerunInput } from "../submitting/rerun_input.ts";
import {
  checkSubmission,
  queueOfSubmission,
  type SubmissionRules,
} from "../submitting/submission.ts";
import type { Submitter } from "../submitting/submitter.ts";

/** Label of a rerun: the id of the task whose input it took. */
const RERUN_OF = "rerun_of";

/** Dependencies of a rerun. */
export interface RerunParts {
  readonly rules: SubmissionRules;
  readonly submitter: Submitter;
  readonly trail: AuditTrail;
}

/** What the new task does otherwise than the old one. */
export interface RerunEdits extends Edits {
  /** Options of the submission, unchecked. By default the new task gets the queue and labels of the record. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Submits the input of a record again, or an edited one, in any state of the record.
 *
 * @param edits fields of the body of a submission; unknown ones are refused
 * @param options.key requests of one caller with the same key and input submit one task
 * @throws {Problem} `no-input`, `invalid-input`, `unknown-task` or `forbidden` */
export async function rerunTask(
  c: Context,
  parts: RerunParts,
  record: TaskRecord,
  { edits = {}, key }: { readonly edits?: RerunEdits; readonly key?: string | undefined } = {},
): ReturnType<Submitter["submit"]> {
  const { rules, submitter, trail } = parts;
  const caller = callerOf(c);
  const submission = rerunOf(record, edits, { rules, caller });
  await trail.begin(c, { target: record.id });
  return await submitter.submit(submission, { key: ownKey(caller, key) });
}

/** The submission of a rerun, attributed to a caller that may submit it.
 *
 * @throws {Problem} `no-input`, `invalid-input`, `unknown-task` or `forbidden` */
export function rerunOf(
  record: TaskRecord,
  edits: RerunEdits,
  { rules, caller }: { readonly rules: SubmissionRules; readonly caller: Caller },
): ReturnType<typeof checkRerun> {
  const checked = checkRerun(record, edits, rules);
  requireSignature(caller, checked.signature, queueOfSubmission);
  return { ...checked, signature: attributed(caller, checked.signature) };
}

/** The submission of a rerun, with the labels of the record and one that names it.
 *
 * @throws {Problem} `no-input`, `invalid-input` or `unknown-task` */
export function checkRerun(
  record: TaskRecord,
  { options = {}, ...edits }: RerunEdits,
  rules: SubmissionRules,
): ReturnType<typeof checkSubmission> {
  const { id, name } = record;
  if (name === null) {
    throw new Problem(
      "no-input",
      `Cannot rerun task '${id}' because its record does not contain its name: submit the task instead`,
    );
  }
  const checked = checkSubmission(name, {
    ...edits,
    ...rerunInput(record, edits),
    options: { ...queueOf(record, rules), ...options },
  }, rules);
  const { signature } = checked;
  const stamps = { ...record.labels, ...signature.options.stamps, [RERUN_OF]: id };
  return { ...checked, signature: { ...signature, options: { ...signature.options, stamps } } };
}

/** The queue of the record, if requests may still use it. */
function queueOf({ queue }: TaskRecord, rules: SubmissionRules): { queue?: string } {
  const isKnown = queue !== null && (rules.queues.has(queue) || rules.foreignQueues.has(queue));
  return isKnown ? { queue } : {};
}
