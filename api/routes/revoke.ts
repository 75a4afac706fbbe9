/** `DELETE /v1/tasks/{id}`: revokes a task that has not started, or terminates a running one. */
import { Hono } from "hono";
import { type RevokeParts, revokeTask } from "../actions/revoke_task.ts";
import { fieldProblem } from "../http/problem.ts";
import { readQuery } from "../http/query.ts";
import { visibleJson } from "../reading/visible_record.ts";
import { callerOf } from "../access/request_caller.ts";

/** Revokes or terminates tasks. The response is 202 if a worker will terminate the task. */
export function revokeRoutes(parts: RevokeParts): Hono {
  return new Hono().delete("/tasks/:task", async (c) => {
    const query = readQuery(c.req.queries(), ["unrecorded", "terminate"]);
    const unrecorded = isTrue("unrecorded", query.unrecorded);
    const terminate = isTrue("terminate", query.terminate);
    const { record, runs } = await revokeTask(c, parts, c.req.param("task"), {
      unrecorded,
      terminate,
    });
    return c.body(visibleJson(callerOf(c), record), runs ? 202 : 200, {
      "content-type": "application/json",
      "cache-control": "no-store",
    });
  });
}

function isTrue(name: string, given = "false"): boolean {
  if (given === "true" || given === "false") return given === "true";
  throw fieldProblem(name, "expected true or false", ["true", "false"]);
}
