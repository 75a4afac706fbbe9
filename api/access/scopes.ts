/** Scopes: the rights that a key or a JWT may have.
 * @module
 */

/** All scopes, and what each allows. Every route requires some of them: see `route_scopes.ts`. */
export const SCOPES = {
  "tasks:submit": "submit tasks, batches and workflows",
  "tasks:read": "read states of tasks and workflows, without their data",
  "tasks:read-data": "read arguments, results, progress and errors too",
  "tasks:cancel": "revoke and terminate tasks",
  "tasks:retry": "send failed tasks again under their ids, also from their dead letters",
  "events:publish": "publish events, which become the tasks of all subscriptions",
  "events:read": "read recorded events with their data",
  "subscriptions:read": "list subscriptions",
  "subscriptions:write": "add, replace, pause, resume, replay and remove subscriptions",
  "queues:pause": "pause and resume queues and tasks",
  "schedules:read": "list schedules",
  "schedules:write": "add, pause, resume and remove schedules",
  "schedules:trigger": "submit the task of a schedule now",
  "dead-letters:read": "list dead letters",
  "dead-letters:redrive": "requeue dead letters",
  "dead-letters:purge": "delete dead letters",
  "workers:read": "list workers, their queues and the tasks that they run",
  "workers:control": "shut down workers and resize their pools",
  "keys:read": "list keys",
  "keys:write": "create, rotate and revoke keys with at most the own rights",
  "audit:read": "read the audit log",
  "metrics:read": "read the metrics of the API",
  "reference:read": "read the OpenAPI document and its pages",
} as const;

/** A scope. */
export type Scope = keyof typeof SCOPES;

/** What a route requires: all of some scopes, or nothing, not even authentication. */
export type Required = readonly Scope[] | "open";

/** Names of all scopes. */
export const SCOPE_NAMES = Object.keys(SCOPES) as Scope[];

/** What a key may be given: scopes, `GROUP:*` and `*`, which include scopes of later versions. */
export const GRANTABLE: readonly string[] = [
  ...SCOPE_NAMES,
  ...new Set(SCOPE_NAMES.map((scope) => `${scope.slice(0, scope.indexOf(":"))}:*`)),
  "*",
];

/** Whether granted scopes include a scope, or a wildcard as narrow.
 *
 * @example
 * ```ts
 * import { includesScope } from "./scopes.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(includesScope(["tasks:*"], "tasks:read"), true);
 * assertEquals(includesScope(["tasks:read"], "tasks:*"), false);
 * ```
 */
export function includesScope(granted: readonly string[], scope: string): boolean {
  return granted.some((one) =>
    one === scope || one === "*" || (one.endsWith(":*") && scope.startsWith(one.slice(0, -1)))
  );
}

/** Whether a scope allows no change.
 *
 * @example
 * ```ts
 * import { isReading } from "./scopes.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isReading("tasks:read-data"), true);
 * assertEquals(isReading("queues:pause"), false);
 * ```
 */
export function isReading(scope: Scope): boolean {
  return /:read(-data)?$/.test(scope);
}

/** Whether what a route requires includes the right to change something. */
export function changes(required: Required | undefined): boolean {
  return required !== "open" && !(required ?? []).every(isReading);
}
