/** Retries a failed task under the same id on behalf of a request. */
import type { Context } from "hono";
import type { LetterFilter } from "../../shared/dead_letters/filter.ts";
import type { DeadLetters } from "../../shared/dead_letters/store.ts";
import { SUBMITTER_HEADER } from "../../shared/results/submitter_header.ts";
import type { TaskRecord } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { Workflows } from "../../shared/workflows/store.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import type { Caller } from "../access/caller.ts";
import { callerOf } from "../access/request_caller.ts";
import { isLabel } from "../http/label.ts";
import { Problem } from "../http/problem.ts";
import { noRecord } from "../http/query.ts";
import { visible } from "../reading/visible_record.ts";
import type { FailedTask, FailedTasks } from "../retrying/failed_tasks.ts";
import { keptInput } from "../submitting/rerun_input.ts";
import type { SubmissionRules } from "../submitting/submission.ts";

/** What a retry sends: dead letters of the task, or a new message with the kept input. */
export type RetrySource = "dead-letters" | "input";

/** Dependencies of a retry, without those of a request. */
export interface RetryRecordParts {
  readonly deadLetters: Pick<DeadLetters, "redrive">;
  readonly failedTasks: Pick<FailedTasks, "send">;
  readonly workflows: Pick<Workflows, "memberOf">;
  readonly rules: SubmissionRules;
}

/** Dependencies of a retry. */
export interface RetryParts extends RetryRecordParts {
  readonly store: Pick<ResultStore, "find">;
  readonly trail: AuditTrail;
}

/** Dead letters of one task that a retry sends, at most. */
const LETTERS_MAX = 100;

/** Finds a task and retries it: see {@linkcode retryRecord}.
 *
 * @throws {Problem} `no-record`, `not-retryable` or `no-input` */
export async function retryTask(c: Context, parts: RetryParts, id: string): Promise<RetrySource> {
  const caller = callerOf(c);
  const record = isLabel(id) ? visible(caller, await parts.store.find(id)) : undefined;
  if (!record) throw noRecord(id);
  await parts.trail.begin(c, { target: id });
  const source = await retryRecord(parts, record, caller);
  parts.trail.count(c, 1);
  return source;
}

/** Sends the dead letters of a task again. If there are none, and its record is FAILURE, sends a new message with the kept input. It has the
 * id, the labels, the queue and the number of failed attempts of the record, so the last attempt is repeated.
 *
 * @throws {Problem} `not-retryable` or `no-input` */
export async function retryRecord(
  { deadLetters, failedTasks, workflows, rules }: RetryRecordParts,
  record: TaskRecord,
  caller: Caller,
): Promise<RetrySource> {
  const { id, state } = record;
  const filter = { taskId: id, ...ownPart(caller, record) };
  const { redriven, waiting } = await deadLetters.redrive(filter, {
    rate: LETTERS_MAX,
    limit: LETTERS_MAX,
  });
  if (redriven > 0) return "dead-letters";
  if (waiting > 0) {
    throw refusal(
      id,
      "its message was sent again already, or its worker is still ending it",
      AGAIN,
    );
  }
  if (state !== "FAILURE") {
    throw refusal(id, `it is ${state}`, "only a failed task is retried; rerun it under a new id");
  }
  const task = messageOf(record, rules);
  const member = await workflows.memberOf(id);
  if (member) {
    throw refusal(
      id,
      `its failure has ended workflow '${member.workflow}', which would not continue`,
      "start the workflow again, or rerun the task alone",
    );
  }
  const sent = await failedTasks.send([task]);
  if (!sent.has(id)) throw refusal(id, "its record has changed meanwhile", AGAIN);
  return "input";
}

const AGAIN = "read its record again";

/** The message of a failed task.
 *
 * @throws {Problem} `no-input` or `not-retryable` */
function messageOf(record: TaskRecord, { queues, foreignQueues }: SubmissionRules): FailedTask {
  const { id, name, queue, retries, labels, submittedBy } = record;
  const input = keptInput(record, "retry");
  if (name === null || queue === null) {
    throw refusal(id, "its record does not contain its name and queue", "submit the task again");
  }
  if (!queues.has(queue) && !foreignQueues.has(queue)) {
    throw refusal(
      id,
      `its queue '${queue}' is neither a contract's nor listed in CELERIAC_FOREIGN_QUEUES`,
      "rerun it in another queue",
    );
  }
  return {
    task: name,
    args: [...input.args],
    kwargs: { ...input.kwargs },
    options: {
      taskId: id,
      queue,
      retries,
      ...(labels && { stamps: { ...labels } as Record<string, string | string[]> }),
      ...(submittedBy !== undefined && { headers: { [SUBMITTER_HEADER]: submittedBy } }),
    },
  };
}

/** The dead letters of a task that a caller may send: those of a limited caller have the task and queue of the record. */
function ownPart(caller: Caller, { name, queue }: TaskRecord): LetterFilter {
  if (caller.seesEverything) return {};
  return { ...(name !== null && { task: name }), ...(queue !== null && { queue }) };
}

function refusal(id: string, reason: string, remedy: string): Problem {
  return new Problem("not-retryable", `Cannot retry task '${id}' because ${reason}: ${remedy}`);
}
