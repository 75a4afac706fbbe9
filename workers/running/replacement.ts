/** Work that replaces the task that returns it. */
import type { WorkflowNode } from "../../shared/contracts/workflow_builder.ts";

const REPLACEMENT = Symbol.for("celeriac.replacement");

/** Return value of `context.replace()`. The handler must return it. */
export interface Replacement {
  /** Runs instead of the task. */
  readonly work: WorkflowNode;
  /** Marks it. */
  readonly [REPLACEMENT]: true;
}

/** Marks work as a replacement.
 *
 * @example
 * ```ts
 * import { isReplacement, replacement } from "./replacement.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isReplacement(replacement({ name: "add", args: [1, 2] })));
 * ```
 */
export function replacement(work: WorkflowNode): Replacement {
  return Object.freeze({ work, [REPLACEMENT]: true as const });
}

/** Whether a handler returned a replacement, from any copy of this package. */
export function isReplacement(value: unknown): value is Replacement {
  return typeof value === "object" && value !== null && REPLACEMENT in value;
}
