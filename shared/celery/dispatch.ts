/** Turns a canvas into the messages to send now and the chords to open first. Pure. */
import { chainOf, writeCanvas } from "./canvas.ts";
import { placeBody, type PlacedBody, type ReadsBodies } from "./chord_body.ts";
import {
  type Canvas,
  type Chain,
  type Chord,
  ending,
  endings,
  given,
  type Step,
  steps,
} from "./canvas_tree.ts";
import type { IdentifiedSignature } from "./message.ts";
import type { Signature, SignatureOptions, WireSignature } from "./signature.ts";

/** A result in Celery's form: `[[id, parent], members]` (celery/result.py, `as_tuple`). */
export type ResultTuple = readonly [
  readonly [id: string, parent: ResultTuple | null],
  readonly ResultTuple[] | null,
];

/** A chord to open. */
export interface OpenedChord {
  /** Id of the header's group. */
  readonly id: string;
  /** Results of the header's members, in order. The body receives their values. */
  readonly members: readonly ResultTuple[];
  /** The body, if the members only refer to it. */
  readonly body?: WireSignature;
}

/** The chords and messages that start a canvas. Open each chord before you send its members. */
export interface Dispatch {
  readonly chords: readonly OpenedChord[];
  readonly messages: readonly IdentifiedSignature[];
}

/** Ids of the ancestors of a task. */
export type Origin = Pick<SignatureOptions, "rootId" | "parentId">;

/** Starts a canvas.
 *
 * @param canvas with all ids set (`identified()`)
 * @param reads whether the body of a chord may be stored once instead of copied into each member. Default: never
 * @throws {WorkflowTooLarge}
 *
 * @example
 * ```ts
 * import { dispatch } from "./dispatch.ts";
 * import { type Canvas, identified } from "./canvas_tree.ts";
 * import { childIds } from "./child_id.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const step = (task: string): Canvas => (
 *   { kind: "task", signature: { task, args: [], kwargs: {}, options: {} } }
 * );
 * const chord: Canvas = { kind: "chord", header: [step("a"), step("b")], body: step("sum") };
 * const { chords, messages } = dispatch(identified(chord, childIds("w", "tasks")), {});
 * assertEquals(chords[0]?.members.length, 2);
 * assertEquals(messages.map(({ task }) => task), ["a", "b"]);
 * ```
 */
export function dispatch(
  canvas: Canvas,
  origin: Origin,
  reads: ReadsBodies = () => false,
): Dispatch {
  switch (canvas.kind) {
    case "task":
      return { chords: [], messages: [message(canvas, origin)] };
    case "group":
      return together(canvas.members.map((member, index) =>
        dispatch(
          ending(member, (signature) => inGroup(signature, canvas.id, index)),
          origin,
          reads,
        )
      ));
    case "chain": {
      const [first, ...others] = canvas.steps;
      return first === undefined ? NOTHING : dispatch(followed(first, others), origin, reads);
    }
    case "chord":
      return openChord(canvas, origin, reads);
  }
}

/** If the task ends a member of a chord, the chord's group takes precedence. */
function inGroup(signature: Signature, group: string | undefined, groupIndex: number): Signature {
  if (signature.options.chord) return signature;
  return { ...signature, options: { ...signature.options, group, groupIndex } };
}

const NOTHING: Dispatch = { chords: [], messages: [] };

function together(parts: readonly Dispatch[]): Dispatch {
  return {
    chords: parts.flatMap(({ chords }) => chords),
    messages: parts.flatMap(({ messages }) => messages),
  };
}

/** Attaches the following steps to the first one; for a chord, to its body (as Celery 5.7 does). */
function followed(first: Canvas, others: readonly Canvas[]): Canvas {
  if (others.length === 0) return first;
  if (first.kind === "task") {
    const chain = [...others.map(writeCanvas).reverse(), ...first.signature.options.chain ?? []];
    const { signature } = first;
    return { ...first, signature: { ...signature, options: { ...signature.options, chain } } };
  }
  if (first.kind === "chord") return { ...first, body: chainOf([first.body, ...others]) };
  return chainOf([first, ...others]);
}

function openChord(chord: Chord, origin: Origin, reads: ReadsBodies): Dispatch {
  const { header, id } = chord;
  if (header.length === 0) return dispatch(given(chord.body, [[]]), origin, reads);
  const { carried, stored } = placed(chord, reads);
  let index = 0;
  const members = header.map((member) =>
    ending(
      member,
      (signature) =>
        withBody(
          { ...signature, options: { ...signature.options, group: id, groupIndex: index++ } },
          carried,
        ),
    )
  );
  const opened: OpenedChord = {
    id: id!,
    members: members.flatMap((member) => results(member)),
    ...(stored && { body: stored }),
  };
  const started = together(members.map((member) => dispatch(member, origin, reads)));
  return { chords: [opened, ...started.chords], messages: started.messages };
}

/** Checks that every chord of a canvas can be sent, including those that start later.
 *
 * @throws {WorkflowTooLarge} */
export function checkBodies(canvas: Canvas, reads: ReadsBodies): void {
  switch (canvas.kind) {
    case "task":
      return;
    case "chain":
      return canvas.steps.forEach((step) => checkBodies(step, reads));
    case "group":
      return canvas.members.forEach((member) => checkBodies(member, reads));
    case "chord": {
      const { header, body } = canvas;
      const { carried } = placed(canvas, reads);
      const carrying = header.map((member) => ending(member, (task) => withBody(task, carried)));
      return [...carrying, body].forEach((part) => checkBodies(part, reads));
    }
  }
}

function placed({ header, body }: Chord, reads: ReadsBodies): PlacedBody {
  return placeBody(
    writeCanvas(bodyOf(body)),
    header.flatMap(endings).length,
    () => reads(header.flatMap(steps)),
  );
}

function withBody(signature: Signature, chord: WireSignature): Signature {
  return { ...signature, options: { ...signature.options, chord } };
}

/** A chain is sent as its first step, which carries the others: Celery 5.7 sends this form, and every version accepts it. */
function bodyOf(body: Canvas): Canvas {
  if (body.kind !== "chain") return body;
  const [first, ...others] = (body as Chain).steps;
  return first === undefined ? body : followed(first, others);
}

function message({ signature }: Step, { rootId, parentId }: Origin): IdentifiedSignature {
  const { options } = signature;
  return {
    ...signature,
    options: {
      ...options,
      taskId: options.taskId!,
      rootId: rootId ?? options.rootId ?? options.taskId,
      parentId: parentId ?? options.parentId,
    },
  };
}

/** The result tuple of a canvas. The tuple of a group includes its members.
 *
 * @param parent result of the preceding step */
export function resultOf(canvas: Canvas, parent: ResultTuple | null = null): ResultTuple {
  switch (canvas.kind) {
    case "task":
      return [[canvas.signature.options.taskId!, parent], null];
    case "chain":
      return canvas.steps.reduce<ResultTuple | null>(
        (before, step) => resultOf(step, before),
        parent,
      )!;
    case "group":
      return [[canvas.id!, parent], canvas.members.map((member) => resultOf(member))];
    case "chord":
      return resultOf(canvas.body, [
        [canvas.id!, parent],
        canvas.header.map((member) => resultOf(member)),
      ]);
  }
}

/** The result that a started canvas adds to the `children` of the task that starts it, as Python workers write it: the task that is sent,
 * or the group with its members. Later steps are children of those.
 *
 * @example
 * ```ts
 * import { childOf } from "./dispatch.ts";
 * import type { Canvas } from "./canvas_tree.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const step = (taskId: string): Canvas => (
 *   { kind: "task", signature: { task: "add", args: [], kwargs: {}, options: { taskId } } }
 * );
 * assertEquals(childOf({ kind: "chain", steps: [step("b"), step("c")] }), [["b", null], null]);
 * ```
 */
export function childOf(canvas: Canvas): ResultTuple {
  switch (canvas.kind) {
    case "task":
    case "group":
      return resultOf(canvas);
    case "chain":
      return childOf(canvas.steps[0]!);
    case "chord": {
      const { id, header, body } = canvas;
      return header.length === 0 ? childOf(body) : resultOf({ kind: "group", id, members: header });
    }
  }
}

/** The results that a chord waits for: one for each last task of a member. */
function results(member: Canvas): ResultTuple[] {
  const result = resultOf(member);
  return result[1] === null ? [result] : result[1].flatMap(flat);
}

function flat(result: ResultTuple): ResultTuple[] {
  return result[1] === null ? [result] : result[1].flatMap(flat);
}
