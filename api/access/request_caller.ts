/** The caller of the current request, and what it may do with a task. */
import type { Context } from "hono";
import { readCanvas } from "../../shared/celery/canvas.ts";
import { steps } from "../../shared/celery/canvas_tree.ts";
import type { Signature } from "../../shared/celery/signature.ts";
import { SUBMITTER_HEADER } from "../../shared/results/submitter_header.ts";
import { isObject } from "../../shared/celery/shape.ts";
import { Malformed } from "../../shared/errors.ts";
import { fieldProblem, Problem } from "../http/problem.ts";
import { type Caller, EVERYONE, type NamedTask } from "./caller.ts";

const VARIABLE = "caller";
const CHECK = "rightsCheck";

/** Remembers the caller of a request. */
export function setCaller(c: Context, caller: Caller): void {
  c.set(VARIABLE, caller);
}

/** Remembers how to check that the rights of a request's caller have not ended. */
export function setRightsCheck(c: Context, check: () => Promise<boolean>): void {
  c.set(CHECK, check);
}

/** Whether the rights of a request's caller have not ended since the request began. */
export async function isStillAllowed(c: Context): Promise<boolean> {
  return await c.get(CHECK)?.() ?? true;
}

/** The caller of a request. */
export function callerOf(c: Context): Caller {
  return c.get(VARIABLE) ?? EVERYONE;
}

/** The caller of a request, if it was authenticated. Routes that are open to everyone have none. */
export function callerIfKnown(c: Context): Caller | undefined {
  return c.get(VARIABLE);
}

/** Checks that a caller's patterns match a task that it submits or changes.
 *
 * @throws {Problem} `forbidden` */
export function requireTask(caller: Caller, task: NamedTask): void {
  if (caller.sees(task)) return;
  throw new Problem(
    "forbidden",
    `Cannot use task '${task.name ?? "unknown"}' in queue '${
      task.queue ?? "unknown"
    }' because '${caller.name}' is limited to other tasks or queues: use a key whose tasks and queues include them`,
  );
}

/** Checks that a caller may read the result that it wants to wait for.
 *
 * @throws {Problem} `invalid-input` */
export function requireReading(caller: Caller): void {
  if (caller.has("tasks:read")) return;
  throw fieldProblem("wait", "waiting for a result needs the scope 'tasks:read': remove it");
}

/** Checks a signature and everything that it starts: callbacks, and the tasks inside `celery.map` and its like.
 *
 * @param queueOf finds the queue of a signature
 * @throws {Problem} `forbidden` */
export function requireSignature(
  caller: Caller,
  signature: Pick<Signature, "task" | "kwargs" | "options">,
  queueOf: (signature: Pick<Signature, "task" | "kwargs" | "options">) => string,
): void {
  if (caller.seesEverything) return;
  for (const name of taskNames(signature)) {
    requireTask(caller, { name, queue: queueOf(signature) });
  }
  const { callbacks, errbacks, chain } = signature.options;
  for (const follower of [callbacks, errbacks, chain].flatMap((list) => list ?? [])) {
    // A follower may be a group, chain or chord: its parts count, not the name `celery.group`.
    for (const part of partsOf(follower)) requireSignature(caller, part, queueOf);
  }
}

/** The tasks of a follower.
 *
 * @throws {Problem} `invalid-input` for a follower that workers could not read */
function partsOf(follower: unknown): Signature[] {
  try {
    return steps(readCanvas(follower));
  } catch (error) {
    if (error instanceof Malformed) throw fieldProblem("body", error.message);
    throw error;
  }
}

/** Names of the tasks that a message runs: Celery's series run another task. */
function taskNames({ task, kwargs }: Pick<Signature, "task" | "kwargs">): string[] {
  const inner = kwargs["task"];
  const named = /^celery\.(map|starmap|chunks)$/.test(task) && isObject(inner)
    ? inner["task"]
    : undefined;
  return typeof named === "string" ? [named] : [task];
}

/** Whether all users of a caller are the same to the API: those of the operator's token, or of an open API. */
export function isShared({ id }: Caller): boolean {
  return id === "root" || id === "open";
}

/** A signature that names its caller, if that is a key or a JWT. The record of the task then contains it. */
export function attributed<Sent extends Signature>(caller: Caller, signature: Sent): Sent {
  if (isShared(caller)) return signature;
  const headers = { ...signature.options.headers, [SUBMITTER_HEADER]: caller.id };
  return { ...signature, options: { ...signature.options, headers } };
}

/** The `Idempotency-Key` of a request, unique per caller: two callers with the same key do not get the same task. */
export function ownKey(caller: Caller, key: string | undefined): string | undefined {
  return key === undefined || isShared(caller) ? key : `${caller.id} ${key}`;
}
