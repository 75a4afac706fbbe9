/** Builds workflows as data for `POST /v1/workflows` from contracts.
 *
 * All values are plain JSON.
 * @module
 */
import type { z } from "zod";
import { refuseUnknownKeys } from "./known_keys.ts";
import type { TaskContract } from "./task.ts";

/** A task in a workflow. */
export interface TaskNode {
  /** Name of the task. */
  readonly name: string;
  /** Positional arguments, after the result of the previous step. */
  readonly args?: readonly unknown[];
  /** Arguments by name. */
  readonly kwargs?: Readonly<Record<string, unknown>>;
  /** As in a submission: `queue`, `countdown`, `expires`, `priority`, ... */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Ignores the result of the previous step. Default `false`. */
  readonly immutable?: boolean;
  /** Tasks to start with the result when the task succeeds, in addition to the next step. */
  readonly link?: readonly WorkflowNode[];
  /** Tasks to start with the task's id when it fails. */
  readonly link_error?: readonly WorkflowNode[];
}

/** Runs steps in sequence: each receives the result of the previous one. */
export interface ChainNode {
  /** Its steps. */
  readonly chain: readonly WorkflowNode[];
}

/** Runs members in parallel. */
export interface GroupNode {
  /** Its members. */
  readonly group: readonly WorkflowNode[];
}

/** Runs members in parallel, then a body that receives the list of their results. */
export interface ChordNode {
  /** Members and body. */
  readonly chord: { readonly header: readonly WorkflowNode[]; readonly body: WorkflowNode };
}

/** Runs one task over a list, in one message: each item is its only argument. */
export interface MapNode {
  /** Name of the task, and its arguments. */
  readonly map: { readonly name: string; readonly items: readonly unknown[] };
}

/** Runs one task over a list, in one message: each item is the list of its arguments. */
export interface StarmapNode {
  /** Name of the task, and its lists of arguments. */
  readonly starmap: { readonly name: string; readonly items: readonly (readonly unknown[])[] };
}

/** Runs a starmap in parallel chunks. */
export interface ChunksNode {
  /** Name of the task, its lists of arguments, and the chunk size. */
  readonly chunks: {
    readonly name: string;
    readonly items: readonly (readonly unknown[])[];
    /** Items per chunk. */
    readonly size: number;
  };
}

/** A workflow, or a part of one. */
export type WorkflowNode =
  | TaskNode
  | ChainNode
  | GroupNode
  | ChordNode
  | MapNode
  | StarmapNode
  | ChunksNode;

/** A task by its contract, or by its name if it belongs to another system. */
type Named<Input extends z.ZodObject> = TaskContract<Input> | string;

/** A task with its keyword arguments; leave out those that the previous step provides.
 *
 * @example
 * ```ts
 * import { chain, defineTask, signature, z } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const add = defineTask({ name: "add", input: z.object({ x: z.number(), y: z.number() }) });
 * const workflow = chain(signature(add, { x: 2, y: 2 }), signature(add, { y: 3 }));
 * assertEquals(workflow, {
 *   chain: [{ name: "add", kwargs: { x: 2, y: 2 } }, { name: "add", kwargs: { y: 3 } }],
 * });
 * ```
 */
export function signature<Input extends z.ZodObject>(
  task: Named<Input>,
  kwargs: Partial<z.input<Input>> = {},
  more: Omit<TaskNode, "name" | "kwargs"> = {},
): TaskNode {
  const name = nameOf(task);
  refuseUnknownKeys(more, ["args", "options", "immutable", "link", "link_error"], {
    doing: `make a signature of '${name}'`,
  });
  return { name, kwargs: { ...kwargs }, ...more };
}

/** Runs steps in sequence. */
export function chain(...steps: WorkflowNode[]): ChainNode {
  return { chain: steps };
}

/** Runs members in parallel. */
export function group(...members: WorkflowNode[]): GroupNode {
  return { group: members };
}

/** Runs members in parallel, then a body that receives the list of their results. */
export function chord(header: readonly WorkflowNode[], body: WorkflowNode): ChordNode {
  return { chord: { header, body } };
}

/** Runs one task over a list, in one message. */
export function map<Input extends z.ZodObject>(
  task: Named<Input>,
  items: readonly unknown[],
): MapNode {
  return { map: { name: nameOf(task), items } };
}

/** Runs one task over a list of argument lists, in one message. */
export function starmap<Input extends z.ZodObject>(
  task: Named<Input>,
  items: readonly (readonly unknown[])[],
): StarmapNode {
  return { starmap: { name: nameOf(task), items } };
}

/** Runs a starmap in parallel chunks of `size` items. */
export function chunks<Input extends z.ZodObject>(
  task: Named<Input>,
  items: readonly (readonly unknown[])[],
  size: number,
): ChunksNode {
  return { chunks: { name: nameOf(task), items, size } };
}

function nameOf<Input extends z.ZodObject>(task: Named<Input>): string {
  return typeof task === "string" ? task : task.name;
}
