/** The body of a chord as its members carry it: a copy each, as Celery's messages have it, or the name of one that is stored with the chord.
 *
 * Celery embeds the whole body in every member, so two groups of n that follow one another take n² bytes. Where only our workers end the
 * members, a large body is stored once and each member refers to it.
 * @module
 */
import { WorkflowTooLarge } from "../errors.ts";
import { stringifyJson } from "./python_json.ts";
import { isObject } from "./shape.ts";
import type { Signature, WireSignature } from "./signature.ts";

/** Bytes that the copies of one body may take in all; a larger one is stored where it may be. */
const COPIES_BYTES = 16 * 1024;

/** Bytes that the copies may take where the body cannot be stored: as much as a worker can spare for one workflow. */
export const MAX_COPIES_BYTES = 64 * 1024 * 1024;

/** Stands for a stored body. */
const REFERENCE = "celeriac.chord_body";

/** Whether the workers that run these tasks read stored bodies: ours do. */
export type ReadsBodies = (tasks: readonly Signature[]) => boolean;

/** A body, placed. */
export interface PlacedBody {
  /** What each member carries. */
  readonly carried: WireSignature;
  /** What is stored with the chord. */
  readonly stored?: WireSignature;
}

/** Decides where the body of a chord goes.
 *
 * @param members tasks that carry it
 * @param mayStore asked when the copies would be large
 * @throws {WorkflowTooLarge} when the copies take more than {@linkcode MAX_COPIES_BYTES}
 *
 * @example
 * ```ts
 * import { isReference, placeBody } from "./chord_body.ts";
 * import { toWire } from "./signature.ts";
 * import { assert } from "@std/assert";
 *
 * const args = ["x".repeat(1000)];
 * const body = toWire({ task: "sum", args, kwargs: {}, options: { taskId: "b" } });
 * assert(placeBody(body, 10, () => true).carried === body);
 * assert(isReference(placeBody(body, 1000, () => true).carried));
 * ```
 */
export function placeBody(
  body: WireSignature,
  members: number,
  mayStore: () => boolean,
): PlacedBody {
  if (members < 2) return { carried: body };
  const bytes = stringifyJson(body).length * members;
  if (bytes <= COPIES_BYTES) return { carried: body };
  if (mayStore()) {
    const { task_id } = body.options;
    const options = task_id === undefined ? {} : { task_id };
    return { carried: { ...EMPTY, options }, stored: body };
  }
  if (bytes <= MAX_COPIES_BYTES) return { carried: body };
  throw new WorkflowTooLarge(
    `Cannot send a chord of ${members} members because each carries a copy of what follows, ${bytes} bytes in all where ${MAX_COPIES_BYTES} are the limit: send fewer members at a time, or a shorter body, or none of them to a Python worker`,
  );
}

/** Whether a member carries only the name of its chord's body. */
export function isReference(body: unknown): boolean {
  return isObject(body) && body["task"] === REFERENCE;
}

const EMPTY = {
  task: REFERENCE,
  args: [],
  kwargs: {},
  subtask_type: null,
  immutable: false,
};
