/** The body of a chord in the messages of its members: a full copy, as in Celery, or a reference to the body stored with the chord.
 *
 * Celery embeds the whole body in every member, so two consecutive groups of n tasks take O(n²) bytes. If only Celeriac workers run the
 * members' last tasks, a large body is stored once and each member refers to it.
 * @module
 */
import { WorkflowTooLarge } from "../errors.ts";
import { stringifyJson } from "./python_json.ts";
import { isObject } from "./shape.ts";
import type { Signature, WireSignature } from "./signature.ts";

/** Maximum total bytes of the copies of one body. Beyond it the body is stored if possible. */
const COPIES_BYTES = 16 * 1024;

/** Maximum total bytes of the copies if the body cannot be stored. Bounds the memory that one workflow takes in a worker. */
export const MAX_COPIES_BYTES = 64 * 1024 * 1024;

/** Task name of the reference to a stored body. */
const REFERENCE = "celeriac.chord_body";

/** Whether the workers of these tasks can read stored bodies. Celeriac's workers can. */
export type ReadsBodies = (tasks: readonly Signature[]) => boolean;

/** Where a body is placed. */
export interface PlacedBody {
  /** The body, or a reference to it, in each member's message. */
  readonly carried: WireSignature;
  /** The body to store with the chord. */
  readonly stored?: WireSignature;
}

/** Decides where to place the body of a chord.
 *
 * @param members number of tasks whose messages carry the body
 * @param mayStore called if the copies would be large
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
    `Cannot send a chord of ${members} members because the copies of its body take ${bytes} bytes, above the limit of ${MAX_COPIES_BYTES}: send fewer members or a shorter body, or send no member to a Python worker`,
  );
}

/** Whether a member carries only a reference to the body. */
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
