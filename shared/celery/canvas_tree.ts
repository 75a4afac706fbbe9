/** The tree of a canvas, and functions that map its tasks. They return new trees.
 * @module
 */
import type { Signature } from "./signature.ts";

/** One task. */
export interface Step {
  readonly kind: "task";
  readonly signature: Signature;
}

/** Sequential steps. Each receives the result of the previous step. Only the last may be a group. */
export interface Chain {
  readonly kind: "chain";
  readonly steps: readonly Canvas[];
}

/** Parallel tasks. */
export interface Group {
  readonly kind: "group";
  readonly id?: string | undefined;
  readonly members: readonly Canvas[];
}

/** Parallel tasks, then a body that receives the list of their results. */
export interface Chord {
  readonly kind: "chord";
  /** Id of the header's group. */
  readonly id?: string | undefined;
  readonly header: readonly Canvas[];
  readonly body: Canvas;
}

/** A node of the tree. */
export type Canvas = Step | Chain | Group | Chord;

/** Maps the signature of a task. */
export type Change = (signature: Signature) => Signature;

/** Maps the first tasks of a canvas: those that receive the result of the previous step. */
export function leading(canvas: Canvas, change: Change): Canvas {
  switch (canvas.kind) {
    case "task":
      return { ...canvas, signature: change(canvas.signature) };
    case "chain":
      return {
        ...canvas,
        steps: canvas.steps.map((step, index) => index === 0 ? leading(step, change) : step),
      };
    case "group":
      return { ...canvas, members: canvas.members.map((member) => leading(member, change)) };
    case "chord":
      return { ...canvas, header: canvas.header.map((member) => leading(member, change)) };
  }
}

/** Maps the last tasks of a canvas: the canvas is done when they are.
 *
 * @example
 * ```ts
 * import { type Canvas, ending, steps } from "./canvas_tree.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const step = (task: string): Canvas => (
 *   { kind: "task", signature: { task, args: [], kwargs: {}, options: {} } }
 * );
 * const chain: Canvas = { kind: "chain", steps: [step("a"), step("b")] };
 * const changed = ending(chain, (signature) => ({ ...signature, immutable: true }));
 * assertEquals(steps(changed).map(({ immutable }) => immutable), [undefined, true]);
 * ```
 */
export function ending(canvas: Canvas, change: Change): Canvas {
  switch (canvas.kind) {
    case "task":
      return { ...canvas, signature: change(canvas.signature) };
    case "chain":
      return {
        ...canvas,
        steps: canvas.steps.map((step, index) =>
          index === canvas.steps.length - 1 ? ending(step, change) : step
        ),
      };
    case "group":
      return { ...canvas, members: canvas.members.map((member) => ending(member, change)) };
    case "chord":
      return { ...canvas, body: ending(canvas.body, change) };
  }
}

/** Maps every task except the members of a chord's header. */
export function each(canvas: Canvas, change: Change): Canvas {
  switch (canvas.kind) {
    case "task":
      return { ...canvas, signature: change(canvas.signature) };
    case "chain":
      return { ...canvas, steps: canvas.steps.map((step) => each(step, change)) };
    case "group":
      return { ...canvas, members: canvas.members.map((member) => each(member, change)) };
    case "chord":
      return { ...canvas, body: each(canvas.body, change) };
  }
}

/** Prepends arguments to those of the first tasks. Immutable tasks stay unchanged. */
export function given(canvas: Canvas, args: readonly unknown[]): Canvas {
  return leading(
    canvas,
    (signature) =>
      signature.immutable ? signature : { ...signature, args: [...args, ...signature.args] },
  );
}

/** Gives an id to every task and group that has none. */
export function identified(canvas: Canvas, newId: () => string): Canvas {
  switch (canvas.kind) {
    case "task": {
      const { signature } = canvas;
      const taskId = signature.options.taskId ?? newId();
      return { ...canvas, signature: { ...signature, options: { ...signature.options, taskId } } };
    }
    case "chain":
      return { ...canvas, steps: canvas.steps.map((step) => identified(step, newId)) };
    case "group": {
      const id = canvas.id ?? newId();
      return { ...canvas, id, members: canvas.members.map((member) => identified(member, newId)) };
    }
    case "chord": {
      const id = canvas.id ?? newId();
      const header = canvas.header.map((member) => identified(member, newId));
      return { ...canvas, id, header, body: identified(canvas.body, newId) };
    }
  }
}

/** Makes every task store its result, because the state of a workflow is computed from the stored results. */
export function recorded(canvas: Canvas): Canvas {
  switch (canvas.kind) {
    case "task": {
      const { signature } = canvas;
      const options = { ...signature.options, ignoreResult: false };
      return { ...canvas, signature: { ...signature, options } };
    }
    case "chain":
      return { ...canvas, steps: canvas.steps.map(recorded) };
    case "group":
      return { ...canvas, members: canvas.members.map(recorded) };
    case "chord":
      return { ...canvas, header: canvas.header.map(recorded), body: recorded(canvas.body) };
  }
}

/** Every task of a canvas, including chord headers. */
export function steps(canvas: Canvas): Signature[] {
  switch (canvas.kind) {
    case "task":
      return [canvas.signature];
    case "chain":
      return canvas.steps.flatMap(steps);
    case "group":
      return canvas.members.flatMap(steps);
    case "chord":
      return [...canvas.header, canvas.body].flatMap(steps);
  }
}

/** The last tasks of a canvas. */
export function endings(canvas: Canvas): Signature[] {
  const found: Signature[] = [];
  ending(canvas, (signature) => {
    found.push(signature);
    return signature;
  });
  return found;
}

/** The tasks for which a task of a canvas waits: the last ones of the previous step, or those of the header of its chord.
 *
 * @param before the tasks for which the canvas itself waits. Default none
 * @returns `undefined` if the canvas does not contain the task
 *
 * @example
 * ```ts
 * import { awaited, type Canvas } from "./canvas_tree.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const step = (taskId: string): Canvas => (
 *   { kind: "task", signature: { task: "add", args: [], kwargs: {}, options: { taskId } } }
 * );
 * const chord: Canvas = { kind: "chord", header: [step("a"), step("b")], body: step("c") };
 * assertEquals(awaited(chord, "c")?.map(({ options }) => options.taskId), ["a", "b"]);
 * assertEquals(awaited(chord, "a"), []);
 * assertEquals(awaited(chord, "d"), undefined);
 * ```
 */
export function awaited(
  canvas: Canvas,
  taskId: string,
  before: readonly Signature[] = [],
): readonly Signature[] | undefined {
  const among = (parts: readonly Canvas[]) => {
    for (const part of parts) {
      const found = awaited(part, taskId, before);
      if (found) return found;
    }
    return undefined;
  };
  switch (canvas.kind) {
    case "task":
      return canvas.signature.options.taskId === taskId ? before : undefined;
    case "chain": {
      let previous = before;
      for (const step of canvas.steps) {
        const found = awaited(step, taskId, previous);
        if (found) return found;
        previous = endings(step);
      }
      return undefined;
    }
    case "group":
      return among(canvas.members);
    case "chord":
      return among(canvas.header) ??
        awaited(canvas.body, taskId, canvas.header.flatMap(endings));
  }
}
