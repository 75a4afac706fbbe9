/** Properties of a task's message besides its arguments. They are part of the handler's context. */
import type { Headers } from "../../shared/broker/message.ts";
import { failedAttempts, type TaskMessage } from "../../shared/celery/task_message.ts";
import { readHeaders, storeHeaders } from "../../shared/broker/stored_message.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";

/** Properties of a task's message besides its arguments. */
export interface TaskRequest {
  /** The task's id. It is the same in every attempt and delivery, so you can use it as an idempotency key. */
  readonly id: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Id of the workflow's first task; outside of a workflow, the task's own id. */
  readonly rootId: string;
  /** Id of the task that submitted this one; `null` if a client did. */
  readonly parentId: string | null;
  /** Id of the group or chord header that the task is a member of. */
  readonly groupId: string | null;
  /** Custom headers of the sender. Integers beyond 2^53 are bigints. */
  readonly headers: Readonly<Headers>;
  /** 0 to 255; `null` if not set. */
  readonly priority: number | null;
  /** The task does not start before this time. */
  readonly eta: Date | null;
  /** The task does not start after this time. */
  readonly expires: Date | null;
  /** Time limits of this attempt, seconds: those of the message, otherwise those of the contract. */
  readonly timeLimit: TimeLimit;
  /** AMQP properties that the sender set: the reply queue and the correlation id. */
  readonly properties: {
    readonly correlationId: string | null;
    readonly replyTo: string | null;
  };
}

/** Reads the request of a message.
 *
 * @param timeLimit is frozen */
export function requestOf(task: TaskMessage, timeLimit: TimeLimit): TaskRequest {
  const { id, rootId, parentId, group, headers, priority, eta, expires } = task;
  const { correlationId, replyTo } = task;
  return {
    id,
    attempt: failedAttempts(task) + 1,
    rootId,
    parentId,
    groupId: group,
    headers: isEmpty(headers) ? NONE : Object.freeze(structuredClone(headers)),
    priority,
    eta,
    expires,
    timeLimit: Object.freeze(timeLimit),
    properties: Object.freeze({ correlationId, replyTo }),
  };
}

const NONE = Object.freeze({});

function isEmpty(headers: Headers): boolean {
  for (const _ in headers) return false;
  return true;
}

/** A partial request. Missing properties have the values of a task outside of a workflow. */
export type KnownRequest = Pick<TaskRequest, "id"> & Partial<TaskRequest>;

/** Fills in a request.
 *
 * @example
 * ```ts
 * import { wholeRequest } from "./request.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { rootId, attempt, parentId } = wholeRequest({ id: "a" });
 * assertEquals([rootId, attempt, parentId], ["a", 1, null]);
 * ```
 */
export function wholeRequest(known: KnownRequest): TaskRequest {
  const { id, attempt = 1, rootId = id, parentId = null, groupId = null, headers = {} } = known;
  const { priority = null, eta = null, expires = null, timeLimit = {} } = known;
  const { properties = { correlationId: id, replyTo: null } } = known;
  return {
    id,
    attempt,
    rootId,
    parentId,
    groupId,
    headers,
    priority,
    eta,
    expires,
    timeLimit,
    properties,
  };
}

/** A request as JSON. */
export interface StoredRequest extends Omit<TaskRequest, "headers" | "eta" | "expires"> {
  /** Values without a JSON type are tagged. */
  readonly headers: unknown;
  /** Milliseconds since the epoch. */
  readonly eta: number | null;
  /** Milliseconds since the epoch. */
  readonly expires: number | null;
}

/** Writes a request for a child process.
 *
 * @example
 * ```ts
 * import { readRequest, type TaskRequest, writeRequest } from "./request.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const request: TaskRequest = {
 *   id: "a",
 *   attempt: 1,
 *   rootId: "a",
 *   parentId: null,
 *   groupId: null,
 *   headers: { tenant: "x", big: 2n ** 60n },
 *   priority: 5,
 *   eta: new Date(0),
 *   expires: null,
 *   timeLimit: { hard: 10 },
 *   properties: { correlationId: "a", replyTo: null },
 * };
 * const crossed = JSON.parse(JSON.stringify(writeRequest(request)));
 * assertEquals(readRequest(crossed), request);
 * ```
 */
export function writeRequest(request: TaskRequest): StoredRequest {
  const { headers, eta, expires } = request;
  return {
    ...request,
    headers: storeHeaders(headers),
    eta: eta && eta.getTime(),
    expires: expires && expires.getTime(),
  };
}

/** Reads what {@linkcode writeRequest} wrote. */
export function readRequest(stored: StoredRequest): TaskRequest {
  const { headers, eta, expires } = stored;
  return {
    ...stored,
    headers: readHeaders(headers),
    eta: eta === null ? null : new Date(eta),
    expires: expires === null ? null : new Date(expires),
  };
}
