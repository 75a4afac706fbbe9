/** What the message of a task says besides its arguments, as the handler sees it. */
import type { Headers } from "../../shared/broker/message.ts";
import { failedAttempts, type TaskMessage } from "../../shared/celery/task_message.ts";
import { readHeaders, storeHeaders } from "../../shared/broker/stored_message.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";

/** What the message of a task says besides its arguments. */
export interface TaskRequest {
  /** The task's id: the same in each attempt and each hand-out, so a key to be idempotent by. */
  readonly id: string;
  /** 1 = first. */
  readonly attempt: number;
  /** First task of the workflow; the task's own id outside of one. */
  readonly rootId: string;
  /** The task that sent this one; `null` when none did. */
  readonly parentId: string | null;
  /** The group, or the header of a chord, that it is a member of. */
  readonly groupId: string | null;
  /** The sender's own headers. Integers beyond 2^53 are bigints. */
  readonly headers: Readonly<Headers>;
  /** 0 to 255; `null` when the sender gave none. */
  readonly priority: number | null;
  /** Not to run before. */
  readonly eta: Date | null;
  /** Not to start after. */
  readonly expires: Date | null;
  /** Limits of this attempt, seconds: the message's, else the contract's. */
  readonly timeLimit: TimeLimit;
  /** AMQP properties that the sender set: where it waits for the result, and by which id. */
  readonly properties: {
    readonly correlationId: string | null;
    readonly replyTo: string | null;
  };
}

/** Reads a request off a message. */
export function requestOf(task: TaskMessage, timeLimit: TimeLimit): TaskRequest {
  const { id, rootId, parentId, group, headers, priority, eta, expires } = task;
  const { correlationId, replyTo } = task;
  return {
    id,
    attempt: failedAttempts(task) + 1,
    rootId,
    parentId,
    groupId: group,
    headers: Object.freeze(structuredClone(headers)),
    priority,
    eta,
    expires,
    timeLimit: Object.freeze({ ...timeLimit }),
    properties: Object.freeze({ correlationId, replyTo }),
  };
}

/** A request of which only some is known: the rest is as in a task that was sent alone. */
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
  /** Values that JSON has no type for are marked. */
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
