/** `POST /v1/tasks/{id}/rerun`: submits a task again under a new id. */
import { Hono } from "hono";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { isObject } from "../../shared/celery/shape.ts";
import type { TaskRecord } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import { attributed, callerOf, ownKey, requireSignature } from "../access/request_caller.ts";
import { readJsonText } from "../http/body.ts";
import { isLabel } from "../http/label.ts";
import { idempotencyKey } from "../http/preferences.ts";
import { fieldProblem, Problem } from "../http/problem.ts";
import { noRecord, readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";
import { visible } from "../reading/visible_record.ts";
import { acceptedBody } from "../submitting/accepted_body.ts";
import { rerunInput } from "../submitting/rerun_input.ts";
import {
  checkSubmission,
  queueOfSubmission,
  type SubmissionRules,
} from "../submitting/submission.ts";
import type { Submitter } from "../submitting/submitter.ts";

/** Label of a rerun: the id of the task whose input it took. */
const RERUN_OF = "rerun_of";

/** Dependencies of the route. */
export interface RerunParts {
  readonly store: Pick<ResultStore, "find">;
  readonly rules: SubmissionRules;
  readonly submitter: Submitter;
  readonly trail: AuditTrail;
}

/** Submits the input of a record again, or an edited one, in any state of the record. */
export function rerunRoutes({ store, rules, submitter, trail }: RerunParts): Hono {
  return new Hono().post("/tasks/:task/rerun", async (c) => {
    readQuery(c.req.queries(), []);
    const id = c.req.param("task");
    const caller = callerOf(c);
    const record = isLabel(id) ? visible(caller, await store.find(id)) : undefined;
    if (!record) throw noRecord(id);
    const { name } = record;
    if (name === null) {
      throw new Problem(
        "no-input",
        `Cannot rerun task '${id}' because its record does not contain its name: submit the task instead`,
      );
    }
    const limit = rules.registry.get(name)?.bodyLimit ?? DEFAULT_BODY_LIMIT;
    const text = await readJsonText(c.req.raw, limit);
    const body = text === undefined ? {} : parseStrict(text);
    if (!isObject(body)) throw fieldProblem("body", "expected an object");
    const { options = {}, ...edits } = body;
    if (!isObject(options)) throw fieldProblem("options", "expected an object");
    const checked = checkSubmission(name, {
      ...edits,
      ...rerunInput(record, edits),
      options: { ...queueOf(record, rules), ...options },
    }, rules);
    requireSignature(caller, checked.signature, queueOfSubmission);
    const key = ownKey(caller, idempotencyKey(c.req.header("idempotency-key")));
    await trail.begin(c, { target: id });
    const stamps = { ...record.labels, ...checked.signature.options.stamps, [RERUN_OF]: id };
    const signature = {
      ...checked.signature,
      options: { ...checked.signature.options, stamps },
    };
    const accepted = await submitter.submit(
      { ...checked, signature: attributed(caller, signature) },
      { key },
    );
    return c.json({ ...acceptedBody(accepted), rerun_of: id }, 202, {
      location: `/v1/tasks/${encodeURIComponent(accepted.id)}`,
    });
  });
}

/** The queue of the record, if requests may still use it. */
function queueOf({ queue }: TaskRecord, rules: SubmissionRules): { queue?: string } {
  const isKnown = queue !== null && (rules.queues.has(queue) || rules.foreignQueues.has(queue));
  return isKnown ? { queue } : {};
}
