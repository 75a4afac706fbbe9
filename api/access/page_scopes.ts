/** The scopes that the routes of the web page require.
 * @module
 */
import type { Required } from "./scopes.ts";

/** Method and path of each route of the page, besides `GET /` -> what it requires. Part of `ROUTE_SCOPES`. */
export const PAGE_SCOPES: Readonly<Record<string, Required>> = {
  "GET /assets/:file": "open",
  "GET /sign-in": "open",
  "POST /sign-in": "open",
  "POST /sign-out": "open",
  "POST /preferences": "open",
  "GET /tasks": ["tasks:read"],
  "GET /new-tasks": ["tasks:read"],
  "GET /changes": ["tasks:read"],
  "GET /tasks/:task": ["tasks:read"],
  "GET /tasks/:task/changes": ["tasks:read"],
  "GET /tasks/:task/why": ["tasks:read"],
  "POST /tasks/:task/cancel": ["tasks:cancel"],
  "POST /tasks/:task/terminate": ["tasks:cancel"],
  "POST /tasks/:task/retry": ["dead-letters:redrive"],
  // The new task gets the arguments of the old one.
  "POST /tasks/:task/rerun": ["tasks:submit", "tasks:read-data"],
  "GET /try": ["tasks:submit"],
  "GET /try/:task": ["tasks:submit"],
  "POST /try/:task": ["tasks:submit"],
  "GET /workflows": ["tasks:read"],
  "GET /workflows/:workflow": ["tasks:read"],
  "GET /workers": ["workers:read"],
  "GET /queues": ["workers:read"],
  "GET /schedules": ["schedules:read"],
  "GET /schedules/:schedule": ["schedules:read"],
  "POST /schedules/:schedule/pause": ["schedules:write"],
  "POST /schedules/:schedule/resume": ["schedules:write"],
  "POST /schedules/:schedule/remove": ["schedules:write"],
  "POST /schedules/:schedule/trigger": ["schedules:trigger"],
  "GET /dead-letters": ["dead-letters:read"],
  // A letter holds the arguments of its task.
  "GET /dead-letters/:letter": ["dead-letters:read", "tasks:read-data"],
  "POST /dead-letters:redrive": ["dead-letters:redrive"],
  "POST /dead-letters:purge": ["dead-letters:purge"],
  "GET /events": ["events:read"],
  "GET /events/:key": ["events:read"],
  "GET /subscriptions": ["subscriptions:read"],
  "GET /subscriptions/:subscription": ["subscriptions:read"],
  "POST /subscriptions/:subscription/pause": ["subscriptions:write"],
  "POST /subscriptions/:subscription/resume": ["subscriptions:write"],
  "POST /subscriptions/:subscription/remove": ["subscriptions:write"],
  "GET /keys": ["keys:read"],
  "POST /keys": ["keys:write"],
  "POST /keys/:key/rotate": ["keys:write"],
  "POST /keys/:key/revoke": ["keys:write"],
  "GET /audit": ["audit:read"],
};
