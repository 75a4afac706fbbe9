/** Canvas: sequential and parallel tasks, and tasks that start when others have finished. Reads them from signatures and writes them.
 *
 * A canvas is a tree of four kinds of nodes. Celery can express one workflow in many ways (celery/canvas.py); reading normalizes them.
 * Nested chains and nested groups are flattened. A group with a following step becomes a chord. Chunks become a group of starmaps.
 * The id, `link`, `link_error` and partial arguments of a composite move to the tasks that they apply to.
 * @module
 */
import { Malformed } from "../errors.ts";
import { isObject } from "./shape.ts";
import { type Canvas, each, ending, given, type Group, type Step } from "./canvas_tree.ts";
import { fromWire, type Signature, toWire, type WireSignature } from "./signature.ts";

/** Maximum nesting depth of signatures. */
const MAX_DEPTH = 50;

/** Reads a wire signature.
 *
 * @throws {Malformed} when it is not a signature, or nested too deeply
 *
 * @example
 * ```ts
 * import { readCanvas } from "./canvas.ts";
 * import { steps } from "./canvas_tree.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const add = { task: "add", args: [1], kwargs: {}, options: { task_id: "a" } };
 * const chain = { task: "celery.chain", kwargs: { tasks: [add, add] }, subtask_type: "chain" };
 * assertEquals(steps(readCanvas(chain)).length, 2);
 * ```
 */
export function readCanvas(wire: unknown): Canvas {
  return read(wire, 0);
}

function read(wire: unknown, depth: number): Canvas {
  if (depth > MAX_DEPTH) {
    throw new Malformed(
      `Cannot read signature because it is nested deeper than ${MAX_DEPTH}: flatten it`,
    );
  }
  const signature = fromWire(wire);
  const { args, options, kwargs, immutable } = signature;
  const { chain, ...own } = options;
  const canvas = shape(signature, own, kwargs, depth);
  const whole = canvas.kind === "task"
    ? canvas
    : withOwnOptions(canvas, own, immutable ? undefined : args);
  if (!chain || chain.length === 0) return whole;
  return chainOf([whole, ...chain.toReversed().map((item) => read(item, depth + 1))]);
}

function shape(
  signature: Signature,
  own: Signature["options"],
  kwargs: Record<string, unknown>,
  depth: number,
): Canvas {
  const list = (value: unknown) => signatures(value).map((item) => read(item, depth + 1));
  switch (signature.subtaskType) {
    case "chain":
      return chainOf(list(kwargs["tasks"]));
    case "group":
      return groupOf(list(kwargs["tasks"]), own.taskId);
    case "chunks":
      return chunks(kwargs, own.taskId);
    case "chord": {
      const header = kwargs["header"];
      const group = isObject(header) ? read(header, depth + 1) : groupOf(list(header));
      const { id, members } = group.kind === "group" ? group : groupOf([group]);
      return { kind: "chord", id, header: members, body: read(kwargs["body"], depth + 1) };
    }
    default:
      return { kind: "task", signature: { ...signature, options: own } };
  }
}

/** Applies the options and arguments of a composite to its tasks. */
function withOwnOptions(
  canvas: Canvas,
  own: Signature["options"],
  args: unknown[] | undefined,
): Canvas {
  let result = canvas;
  if (args && args.length > 0) result = given(result, args);
  if (canvas.kind === "group") return adding(result, { errbacks: own.errbacks });
  const { taskId, group, groupIndex, chord, callbacks, errbacks } = own;
  if (taskId !== undefined) result = named(result, taskId);
  const last = present({ group, groupIndex, chord });
  result = ending(result, (signature) => ({
    ...signature,
    options: { ...signature.options, ...last },
  }));
  result = ending(result, (signature) => added(signature, { callbacks }));
  return adding(result, { errbacks });
}

/** Sets the id of the last part of a canvas, unless it has one. A group gets the id itself; its members do not. */
function named(canvas: Canvas, id: string): Canvas {
  switch (canvas.kind) {
    case "task":
      return canvas.signature.options.taskId === undefined
        ? {
          ...canvas,
          signature: { ...canvas.signature, options: { ...canvas.signature.options, taskId: id } },
        }
        : canvas;
    case "chain":
      return {
        ...canvas,
        steps: canvas.steps.map((step, at) =>
          at === canvas.steps.length - 1 ? named(step, id) : step
        ),
      };
    case "group":
      return { ...canvas, id: canvas.id ?? id };
    case "chord":
      return { ...canvas, body: named(canvas.body, id) };
  }
}

function adding(canvas: Canvas, links: Links): Canvas {
  return links.errbacks?.length ? each(canvas, (signature) => added(signature, links)) : canvas;
}

interface Links {
  readonly callbacks?: readonly unknown[] | null | undefined;
  readonly errbacks?: readonly unknown[] | null | undefined;
}

function added(signature: Signature, { callbacks, errbacks }: Links): Signature {
  const { options } = signature;
  return {
    ...signature,
    options: {
      ...options,
      ...(callbacks?.length && { callbacks: [...options.callbacks ?? [], ...callbacks] }),
      ...(errbacks?.length && { errbacks: [...options.errbacks ?? [], ...errbacks] }),
    },
  };
}

/** Joins canvases into a chain.
 *
 * @throws {Malformed} when the list is empty, or when too many groups follow one another */
export function chainOf(parts: readonly Canvas[]): Canvas {
  const flat = parts.flatMap((part) => part.kind === "chain" ? part.steps : [part])
    .filter((part) => part.kind !== "group" || part.members.length > 0);
  const steps: Canvas[] = [];
  for (const part of flat) {
    const before = steps.at(-1);
    if (before?.kind === "group") {
      steps[steps.length - 1] = {
        kind: "chord",
        id: before.id,
        header: before.members,
        body: part,
      };
    } else if (before?.kind === "chord" && endsInGroup(before.body)) {
      if (chordsWithin(before) >= MAX_DEPTH) {
        throw new Malformed(
          `Cannot read signature because more than ${MAX_DEPTH} groups follow one another: put a task between them`,
        );
      }
      steps[steps.length - 1] = { ...before, body: chainOf([before.body, part]) };
    } else steps.push(part);
  }
  const [only, ...others] = steps;
  if (!only) throw new Malformed("Cannot read signature because its chain is empty: give it tasks");
  return others.length === 0 ? only : { kind: "chain", steps };
}

function chordsWithin(canvas: Canvas | undefined): number {
  if (canvas?.kind === "chord") return 1 + chordsWithin(canvas.body);
  return canvas?.kind === "chain" ? chordsWithin(canvas.steps.at(-1)) : 0;
}

function endsInGroup(canvas: Canvas): boolean {
  if (canvas.kind === "chord") return endsInGroup(canvas.body);
  return (canvas.kind === "chain" ? canvas.steps.at(-1) : canvas)?.kind === "group";
}

/** Joins canvases into a group. */
export function groupOf(parts: readonly Canvas[], id?: string): Group {
  const members = parts.flatMap((part) => part.kind === "group" ? part.members : [part]);
  return { kind: "group", id, members };
}

function chunks(kwargs: Record<string, unknown>, id: string | undefined): Group {
  const { task, it, n } = kwargs;
  const inner = isObject(task) ? toWire(fromWire(task)) : undefined;
  if (!inner || !Array.isArray(it) || !(Number.isInteger(n) && Number(n) > 0)) {
    throw new Malformed(
      "Cannot read chunks because they lack a valid `task`, `it` or `n`: send all three",
    );
  }
  const parts = Array.from(
    { length: Math.ceil(it.length / Number(n)) },
    (_, index) => it.slice(index * Number(n), (index + 1) * Number(n)),
  );
  return groupOf(parts.map((part) => seriesStep("starmap", inner, part)), id);
}

/** Celery's task that runs another task for each item of a list: `map` passes the item as the only argument, `starmap` unpacks it. */
export function seriesStep(kind: "map" | "starmap", task: WireSignature, it: unknown[]): Step {
  const { queue } = task.options;
  const options = typeof queue === "string" ? { queue } : {};
  return {
    kind: "task",
    signature: {
      task: `celery.${kind}`,
      args: [],
      kwargs: { task, it },
      options,
      immutable: true,
      subtaskType: kind === "map" ? "xmap" : "xstarmap",
    },
  };
}

/** Writes a canvas as a signature. */
export function writeCanvas(canvas: Canvas): WireSignature {
  switch (canvas.kind) {
    case "task":
      return toWire(canvas.signature);
    case "chain":
      return composite("chain", { tasks: canvas.steps.map(writeCanvas) });
    case "group":
      return composite("group", { tasks: canvas.members.map(writeCanvas) }, canvas.id);
    case "chord": {
      const header = writeCanvas({ kind: "group", id: canvas.id, members: canvas.header });
      return composite("chord", { kwargs: {}, header, body: writeCanvas(canvas.body) });
    }
  }
}

function composite(
  kind: "chain" | "group" | "chord",
  kwargs: Record<string, unknown>,
  id?: string,
): WireSignature {
  const options = id === undefined ? {} : { task_id: id };
  return {
    task: `celery.${kind}`,
    args: [],
    kwargs,
    options,
    subtask_type: kind,
    immutable: false,
  };
}

function signatures(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new Malformed(
    "Cannot read signature because its tasks are not a list: send a list of signatures",
  );
}

function present<Values extends object>(values: Values): Partial<Values> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<Values>;
}
