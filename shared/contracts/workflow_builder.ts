/** Workflows as data: what `POST /v1/workflows` takes, made from contracts.
 *
 * Everything here is plain JSON: build it, look at it, send it.
 * @module
 */
import type { z } from "zod";
import { refuseUnknownKeys } from "./known_keys.ts";
import type { TaskContract } from "./task.ts";

/** A task in a workflow. */
export interface TaskNode {
  /** Name of the task. */
  readonly name: string;
  /** Arguments by position, after the result of what comes before. */
  readonly args?: readonly unknown[];
  /** Arguments by name. */
  readonly kwargs?: Readonly<Record<string, unknown>>;
  /** As in a submission: `queue`, `countdown`, `expires`, `priority`, ... */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Takes nothing from what comes before. Default `false`. */
  readonly immutable?: boolean;
  /** Started with the result, besides what follows, when the task succeeds. */
  readonly link?: readonly WorkflowNode[];
  /** Started with the task's id when it fails. */
  readonly link_error?: readonly WorkflowNode[];
}

/** One after the other: each is given the result of the one before. */
export interface ChainNode {
  /** Its steps. */
  readonly chain: readonly WorkflowNode[];
}

/** Side by side. */
export interface GroupNode {
  /** Its members. */
  readonly group: readonly WorkflowNode[];
}

/** Side by side, then a body that is given the list of their results. */
export interface ChordNode {
  /** Members, and what follows them. */
  readonly chord: { readonly header: readonly WorkflowNode[]; readonly body: WorkflowNode };
}

/** One task over a list, in one message: each item is its only argument. */
export interface MapNode {
  /** Name of the task, and its arguments. */
  readonly map: { readonly name: string; readonly items: readonly unknown[] };
}

/** One task over a list, in one message: each item is the list of its arguments. */
export interface StarmapNode {
  /** Name of the task, and its lists of arguments. */
  readonly starmap: { readonly name: string; readonly items: readonly (readonly unknown[])[] };
}

/** A starmap in parts, side by side. */
export interface ChunksNode {
  /** Name of the task, its lists of arguments, and how many go together. */
  readonly chunks: {
    readonly name: string;
    readonly items: readonly (readonly unknown[])[];
    /** Items of a part. */
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

/** Names a task: by its contract or, a task of another system, by its name. */
type Named<Input extends z.ZodObject> = TaskContract<Input> | string;

/** A task with its arguments by name; those that what comes before provides are left out.
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

/** One after the other. */
export function chain(...steps: WorkflowNode[]): ChainNode {
  return { chain: steps };
}

/** Side by side. */
export function group(...members: WorkflowNode[]): GroupNode {
  return { group: members };
}

/** Side by side, then a body that is given the list of their results. */
export function chord(header: readonly WorkflowNode[], body: WorkflowNode): ChordNode {
  return { chord: { header, body } };
}

/** One task over a list, in one message. */
export function map<Input extends z.ZodObject>(
  task: Named<Input>,
  items: readonly unknown[],
): MapNode {
  return { map: { name: nameOf(task), items } };
}

/** One task over a list of argument lists, in one message. */
export function starmap<Input extends z.ZodObject>(
  task: Named<Input>,
  items: readonly (readonly unknown[])[],
): StarmapNode {
  return { starmap: { name: nameOf(task), items } };
}

/** A starmap in parts of `size` items, side by side. */
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
