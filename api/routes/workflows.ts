/** `POST /v1/workflows` and `GET /v1/workflows/{id}`: workflows. */
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { type Canvas, identified, recorded, steps } from "../../shared/celery/canvas_tree.ts";
import { childIds } from "../../shared/celery/child_id.ts";
import { writeCanvas } from "../../shared/celery/canvas.ts";
import { newId } from "../../shared/results/uuid_time.ts";
import { stringifyJson } from "../../shared/celery/python_json.ts";
import { repr, reprArgs } from "../../shared/celery/repr.ts";
import type { Signature } from "../../shared/celery/signature.ts";
import { submitterOf } from "../../shared/results/submitter_header.ts";
import { labelsOf } from "../../shared/results/labels.ts";
import { isFinal } from "../../shared/results/result.ts";
import { ENDED } from "../../shared/runtime/waits.ts";
import type { TaskRouter } from "../../shared/outbox/task_router.ts";
import type { WorkflowRecord, Workflows } from "../../shared/workflows/store.ts";
import { DatabaseUnavailable, DatabaseUnreached, OutcomeUnknown } from "../../shared/errors.ts";
import { withDatabaseDeadline } from "../http/database_deadline.ts";
import { readJsonText } from "../http/body.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { parseStrict } from "../http/strict_json.ts";
import { rememberKey } from "../submitting/idempotency_key.ts";
import { idempotencyKey, queriedWait, submissionWait } from "../http/preferences.ts";
import { fieldProblem, Problem } from "../http/problem.ts";
import { isLabel } from "../http/label.ts";
import { noRecord, readQuery } from "../http/query.ts";
import { errorBody, plainJson } from "../reading/record.ts";
import { seesTasks } from "../reading/visible_record.ts";
import {
  attributed,
  callerOf,
  ownKey,
  requireReading,
  requireSignature,
} from "../access/request_caller.ts";
import type { Caller } from "../access/caller.ts";
import { waiterOf } from "../access/waiter.ts";
import type { AuditCounter } from "../access/audit_counter.ts";
import type { SubmissionRules } from "../submitting/submission.ts";
import { WorkflowWaits, type WorkflowWaitsOptions } from "../reading/workflow_waits.ts";
import { checkWorkflow } from "../submitting/workflow.ts";

/** Maximum bytes of a workflow: 16 MiB. */
const BODY_LIMIT = 16 * 1024 * 1024;

/** Additional milliseconds per task: a healthy database needs seconds for thousands of tasks. */
const TASK_MS = 1;

const JSON_TYPE = "application/json";

/** Dependencies of the routes. */
export interface WorkflowParts extends WorkflowWaitsOptions {
  readonly rules: SubmissionRules;
  readonly workflows: Pick<Workflows, "start" | "find">;
  readonly routes: TaskRouter;
  readonly submissions: ApiDependencies["submissions"];
  readonly idempotency: ApiDependencies["idempotency"];
  readonly clock: ApiDependencies["clock"];
  /** Maximum wait in seconds. */
  readonly maxWait: number;
  /** Counts accepted tasks for the audit log. */
  readonly counter: Pick<AuditCounter, "add">;
}

/** Accepts workflows and serves their records. */
export function workflowRoutes(parts: WorkflowParts): Hono {
  const { rules, workflows, routes, submissions, idempotency, clock, maxWait, counter } = parts;
  const waits = new WorkflowWaits(parts);

  /** Reads a workflow when its last tasks have ended, or after a timeout. */
  async function read(
    id: string,
    seconds: number,
    gone: AbortSignal,
    owner: string,
  ): Promise<WorkflowRecord | undefined> {
    if (seconds === 0) return await waits.find(id);
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(ENDED), seconds * 1000);
    try {
      return await waits.wait(id, AbortSignal.any([gone, over.signal, parts.hub.closing]), owner);
    } finally {
      clearTimeout(timer);
      over.abort(ENDED);
    }
  }

  /** The id of a workflow: that of an earlier request if the key is known. */
  async function idOf(checked: Canvas, key: string | undefined): Promise<string> {
    const id = newId(clock.now());
    if (key === undefined) return id;
    const hash = createHash("sha256").update(stringifyJson(writeCanvas(checked))).digest("hex");
    const begun = await rememberKey((id) => idempotency.begin(key, hash, id), id);
    if (begun === "mismatch") throw mismatch();
    return begun.id;
  }

  /** Commits a workflow.
   *
   * @throws {OutcomeUnknown} when the database did not confirm in time */
  async function commit(id: string, canvas: Canvas): Promise<void> {
    try {
      await withDatabaseDeadline(
        "accept the workflow",
        () => workflows.start(id, canvas),
        { extraMs: steps(canvas).length * TASK_MS },
      );
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable) || error instanceof DatabaseUnreached) {
        throw error;
      }
      throw new OutcomeUnknown(
        `Cannot determine whether workflow '${id}' was accepted because the database did not answer in time: read it, or send it again with the same Idempotency-Key (${error.message})`,
        [id],
        { cause: error },
      );
    }
  }

  /** Writes a PENDING record, which the task keeps until it starts. */
  function note(signature: Signature): void {
    const submittedBy = submitterOf(signature.options.headers);
    const labels = labelsOf(signature.options.stamps);
    submissions.write({
      ...(labels && { labels }),
      ...(submittedBy !== undefined && { submittedBy }),
      id: signature.options.taskId!,
      name: signature.task,
      queue: routes.queueOf(signature),
      argsRepr: reprArgs(signature.args),
      kwargsRepr: repr(signature.kwargs),
      submittedAt: clock.now(),
    });
  }

  return new Hono()
    .post("/workflows", async (c) => {
      const caller = callerOf(c);
      const key = ownKey(caller, idempotencyKey(c.req.header("idempotency-key")));
      const wait = submissionWait(c.req, maxWait);
      if (wait.seconds > 0) requireReading(caller);
      const text = await readJsonText(c.req.raw, BODY_LIMIT);
      if (text === undefined) throw fieldProblem("body", "expected a workflow");
      const checked = checkWorkflow(parseStrict(text), rules);
      const queueOf = (signature: Parameters<TaskRouter["queueOf"]>[0]) =>
        routes.queueOf(signature);
      steps(checked).forEach((signature) => requireSignature(caller, signature, queueOf));
      for (const signature of steps(checked)) {
        Object.assign(signature, attributed(caller, signature));
      }
      const id = await idOf(checked, key);
      // All ids derive from the workflow id, so the same key gives the same tasks.
      const canvas = recorded(identified(checked, childIds(id, "workflow")));
      await commit(id, canvas);
      const tasks = steps(canvas);
      tasks.forEach(note);
      for (const { task } of tasks) counter.add(caller, task);
      const headers = { ...wait.headers, location: `/v1/workflows/${id}` };
      if (wait.seconds > 0) {
        // The workflow is accepted even if its record cannot be read.
        const record = await read(id, wait.seconds, c.req.raw.signal, waiterOf(c))
          .catch(() => undefined);
        if (record && isFinal(record.state)) {
          return c.body(workflowJson(record, caller), 200, {
            ...headers,
            "content-type": JSON_TYPE,
          });
        }
      }
      const body = {
        id,
        state: "PENDING",
        tasks: tasks.map(({ task, options }) => ({
          id: options.taskId,
          name: task,
          state: "PENDING",
        })),
      };
      return c.json(body, 202, headers);
    })
    .get("/workflows/:id", async (c) => {
      const id = c.req.param("id");
      const { wait } = readQuery(c.req.queries(), ["wait"]);
      const seconds = queriedWait(wait, maxWait);
      const record = isLabel(id)
        ? await read(id, seconds, c.req.raw.signal, waiterOf(c))
        : undefined;
      const caller = callerOf(c);
      if (!record || !seesTasks(caller, record.tasks.map(({ name }) => name))) throw noRecord(id);
      return c.body(workflowJson(record, caller), 200, {
        "content-type": JSON_TYPE,
        "cache-control": "no-store",
      });
    });
}

/** Serializes a workflow; its result is already JSON text. */
function workflowJson(record: WorkflowRecord, caller: Caller): string {
  const { id, state, tasks, createdAt } = record;
  const reads = caller.has("tasks:read-data");
  const { result, exception } = reads ? record : { result: null, exception: null };
  const head = JSON.stringify({
    id,
    state,
    error: exception && errorBody(exception, null),
    done: tasks.filter((task) => isFinal(task.state)).length,
    total: tasks.length,
    tasks,
    submitted_at: createdAt,
    ...(!reads && { redacted: true }),
  });
  return `${head.slice(0, -1)},"result":${result === null ? "null" : plainJson(result)}}`;
}

function mismatch(): Problem {
  return new Problem(
    "idempotency-mismatch",
    "Cannot accept the request because its Idempotency-Key was used with another body: use a new key",
    { errors: [{ field: "Idempotency-Key", message: "used with another body" }] },
  );
}
