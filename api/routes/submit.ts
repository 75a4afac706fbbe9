/** `POST /v1/tasks` and `POST /v1/tasks/{name}`: the hot path. */
import { type Context, Hono } from "hono";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { fitsBytes, readJsonText, tooLarge } from "../http/body.ts";
import { parseStrict } from "../http/strict_json.ts";
import { idempotencyKey, type SubmissionWait, submissionWait } from "../http/preferences.ts";
import { visible, visibleJson } from "../reading/visible_record.ts";
import {
  attributed,
  callerOf,
  ownKey,
  requireReading,
  requireSignature,
} from "../access/request_caller.ts";
import { waiterOf } from "../access/waiter.ts";
import type { AuditCounter } from "../access/audit_counter.ts";
import { queueOfSubmission } from "../submitting/submission.ts";
import { checkSubmission, type SubmissionRules, takeName } from "../submitting/submission.ts";
import type { Submitter } from "../submitting/submitter.ts";
import type { AcceptedTask } from "../../shared/outbox/publisher.ts";
import type { Submission } from "../../shared/outbox/submission.ts";
import { acceptedBody } from "../submitting/accepted_body.ts";
import { submitAndWait, type WaitParts } from "../reading/wait.ts";

/** Dependencies of the routes. */
export interface SubmitParts extends WaitParts {
  readonly rules: SubmissionRules;
  readonly submitter: Submitter;
  /** Maximum wait in seconds. */
  readonly maxWait: number;
  /** Counts accepted tasks for the audit log. */
  readonly counter: Pick<AuditCounter, "add">;
}

/** Accepts single tasks. */
export function submitRoutes(parts: SubmitParts): Hono {
  const { rules, submitter, maxWait, counter } = parts;
  const largest = Math.max(
    DEFAULT_BODY_LIMIT,
    ...Array.from(rules.registry, ({ bodyLimit }) => bodyLimit),
  );

  async function answer(
    c: Context,
    checked: Submission,
    { seconds, headers }: SubmissionWait,
  ): Promise<Response> {
    const caller = callerOf(c);
    requireSignature(caller, checked.signature, queueOfSubmission);
    const submission = { ...checked, signature: attributed(caller, checked.signature) };
    if (seconds > 0) requireReading(caller);
    const key = ownKey(caller, idempotencyKey(c.req.header("idempotency-key")));
    if (seconds === 0 || submission.ignoreResult) {
      const submitted = await submitter.submit(submission, { key });
      counter.add(caller, submitted.name);
      return accepted(c, submitted);
    }
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    const submitted = await submitAndWait(parts, submission, {
      key,
      seconds,
      gone: c.req.raw.signal,
      owner: waiterOf(c),
    });
    counter.add(caller, submitted.accepted.name);
    // A chosen id may be that of a task that the caller may not see: the store then has the record of that one.
    const isChosen = submission.signature.options.taskId !== undefined && !caller.seesEverything;
    const found = submitted.record && isChosen
      ? await parts.store.find(submitted.accepted.id)
      : submitted.record;
    const record = visible(caller, found);
    if (!record) return accepted(c, submitted.accepted);
    return c.body(visibleJson(caller, record), 200, {
      "content-type": "application/json",
      "location": locationOf(submitted.accepted.id),
    });
  }

  return new Hono()
    .post("/tasks/:task", async (c) => {
      const wait = submissionWait(c.req, maxWait);
      const name = c.req.param("task");
      const limit = rules.registry.get(name)?.bodyLimit ?? DEFAULT_BODY_LIMIT;
      const text = await readJsonText(c.req.raw, limit);
      return await answer(c, checkSubmission(name, text && parseStrict(text), rules), wait);
    })
    .post("/tasks", async (c) => {
      const wait = submissionWait(c.req, maxWait);
      const text = await readJsonText(c.req.raw, largest);
      const { name, rest } = takeName(text === undefined ? {} : parseStrict(text));
      const limit = rules.registry.get(name)?.bodyLimit ?? DEFAULT_BODY_LIMIT;
      if (text !== undefined && !fitsBytes(text, limit)) throw tooLarge(limit);
      return await answer(c, checkSubmission(name, rest, rules), wait);
    });
}

function accepted(c: Context, submitted: AcceptedTask): Response {
  return c.json(acceptedBody(submitted), 202, { location: locationOf(submitted.id) });
}

function locationOf(id: string): string {
  return `/v1/tasks/${encodeURIComponent(id)}`;
}
