/** `POST /v1/tasks/{id}/rerun`: submits a task again under a new id. */
import { Hono } from "hono";
import { DEFAULT_BODY_LIMIT } from "../../shared/contracts/task_definition.ts";
import { isObject } from "../../shared/celery/shape.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import { type RerunParts, rerunTask } from "../actions/rerun_task.ts";
import { callerOf } from "../access/request_caller.ts";
import { readJsonText } from "../http/body.ts";
import { isLabel } from "../http/label.ts";
import { idempotencyKey } from "../http/preferences.ts";
import { fieldProblem } from "../http/problem.ts";
import { noRecord, readQuery } from "../http/query.ts";
import { parseStrict } from "../http/strict_json.ts";
import { visible } from "../reading/visible_record.ts";
import { acceptedBody } from "../submitting/accepted_body.ts";

/** Dependencies of the route. */
export interface RerunRoutesParts extends RerunParts {
  readonly store: Pick<ResultStore, "find">;
}

/** Submits the input of a record again, or an edited one, in any state of the record. */
export function rerunRoutes({ store, ...parts }: RerunRoutesParts): Hono {
  return new Hono().post("/tasks/:task/rerun", async (c) => {
    readQuery(c.req.queries(), []);
    const id = c.req.param("task");
    const record = isLabel(id) ? visible(callerOf(c), await store.find(id)) : undefined;
    if (!record) throw noRecord(id);
    const contract = record.name === null ? undefined : parts.rules.registry.get(record.name);
    const text = await readJsonText(c.req.raw, contract?.bodyLimit ?? DEFAULT_BODY_LIMIT);
    const edits = text === undefined ? {} : parseStrict(text);
    if (!isObject(edits)) throw fieldProblem("body", "expected an object");
    if (edits["options"] !== undefined && !isObject(edits["options"])) {
      throw fieldProblem("options", "expected an object");
    }
    const key = idempotencyKey(c.req.header("idempotency-key"));
    const accepted = await rerunTask(c, parts, record, { edits, key });
    return c.json({ ...acceptedBody(accepted), rerun_of: id }, 202, {
      location: `/v1/tasks/${encodeURIComponent(accepted.id)}`,
    });
  });
}
