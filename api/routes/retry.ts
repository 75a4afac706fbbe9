/** `POST /v1/tasks/{id}/retry`: sends a failed task again under the same id. */
import { Hono } from "hono";
import { type RetryParts, retryTask } from "../actions/retry_task.ts";
import { readQuery } from "../http/query.ts";

/** Retries tasks. */
export function retryRoutes(parts: RetryParts): Hono {
  return new Hono().post("/tasks/:task/retry", async (c) => {
    readQuery(c.req.queries(), []);
    const id = c.req.param("task");
    const source = await retryTask(c, parts, id);
    return c.json({ id, state: "PENDING", source }, 202, {
      location: `/v1/tasks/${encodeURIComponent(id)}`,
    });
  });
}
