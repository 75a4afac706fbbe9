/** The scopes that each route requires.
 * @module
 */
import { PAGE_SCOPES } from "./page_scopes.ts";
import type { Required } from "./scopes.ts";

/** Method and path of each route -> what it requires. `tests/unit/api/access/routes_test.ts` compares it with the app.
 *
 * Patterns of tasks and queues are checked by the routes themselves. */
export const ROUTE_SCOPES: Readonly<Record<string, Required>> = {
  "POST /v1/tasks": ["tasks:submit"],
  "POST /v1/tasks/:task": ["tasks:submit"],
  // A copy of a task that the caller may see with its arguments.
  "POST /v1/tasks/:task/rerun": ["tasks:submit", "tasks:read-data"],
  "POST /v1/tasks/:task/retry": ["tasks:retry"],
  "POST /v1/tasks:batch": ["tasks:submit"],
  // A filter finds out what the tasks are.
  "POST /v1/tasks:revoke": ["tasks:cancel", "tasks:read"],
  "POST /v1/tasks:retry": ["tasks:retry", "tasks:read"],
  "POST /v1/tasks:rerun": ["tasks:submit", "tasks:read", "tasks:read-data"],
  "GET /v1/bulk-jobs": ["tasks:read"],
  "GET /v1/bulk-jobs/:job": ["tasks:read"],
  "POST /v1/bulk-jobs/:job/stop": ["tasks:cancel"],
  "POST /v1/workflows": ["tasks:submit"],
  "GET /v1/tasks": ["tasks:read"],
  "GET /v1/tasks/:task": ["tasks:read"],
  "GET /v1/tasks/:task/events": ["tasks:read"],
  "GET /v1/tasks/:task/why": ["tasks:read"],
  "GET /v1/workflows/:id": ["tasks:read"],
  "DELETE /v1/tasks/:task": ["tasks:cancel"],
  "POST /v1/events": ["events:publish"],
  "GET /v1/events": ["events:read"],
  // Also of `types` and `stream`.
  "GET /v1/events/:key": ["events:read"],
  "GET /v1/subscriptions": ["subscriptions:read"],
  "GET /v1/subscriptions/:subscription": ["subscriptions:read"],
  "POST /v1/subscriptions": ["subscriptions:write"],
  "POST /v1/subscriptions:prune": ["subscriptions:write"],
  "PUT /v1/subscriptions/:subscription": ["subscriptions:write"],
  "DELETE /v1/subscriptions/:subscription": ["subscriptions:write"],
  "POST /v1/subscriptions/:subscription/pause": ["subscriptions:write"],
  "POST /v1/subscriptions/:subscription/resume": ["subscriptions:write"],
  "POST /v1/subscriptions/:subscription/replay": ["subscriptions:write"],
  "GET /v1/series": ["tasks:read"],
  "GET /v1/workers": ["workers:read"],
  "GET /v1/queues": ["workers:read"],
  "GET /v1/queue-depths": ["tasks:read"],
  "GET /v1/pauses": ["tasks:read"],
  "PUT /v1/queues/:queue/pause": ["queues:pause"],
  "DELETE /v1/queues/:queue/pause": ["queues:pause"],
  "PUT /v1/tasks/:task/pause": ["queues:pause"],
  "DELETE /v1/tasks/:task/pause": ["queues:pause"],
  "GET /v1/schedules": ["schedules:read"],
  "GET /v1/schedules/:schedule": ["schedules:read"],
  "POST /v1/schedules": ["schedules:write"],
  "DELETE /v1/schedules/:schedule": ["schedules:write"],
  "POST /v1/schedules/:schedule/pause": ["schedules:write"],
  "POST /v1/schedules/:schedule/resume": ["schedules:write"],
  "POST /v1/schedules/:schedule/trigger": ["schedules:trigger"],
  "GET /v1/dead-letters": ["dead-letters:read"],
  // A letter holds the arguments of its task.
  "GET /v1/dead-letters/:letter": ["dead-letters:read", "tasks:read-data"],
  "POST /v1/dead-letters:redrive": ["dead-letters:redrive"],
  "POST /v1/dead-letters:purge": ["dead-letters:purge"],
  "GET /v1/keys": ["keys:read"],
  "GET /v1/keys/:key": ["keys:read"],
  "POST /v1/keys": ["keys:write"],
  "POST /v1/keys/:key/rotate": ["keys:write"],
  "DELETE /v1/keys/:key": ["keys:write"],
  "GET /v1/audit": ["audit:read"],
  "GET /metrics": ["metrics:read"],
  "GET /": ["reference:read"],
  "GET /docs": ["reference:read"],
  "GET /openapi.json": ["reference:read"],
  "GET /problems/:kind": ["reference:read"],
  "GET /livez": "open",
  "GET /readyz": "open",
  ...PAGE_SCOPES,
};
