/** What follows the end of a task, by what its message brought: the next step, callbacks, errbacks, steps that are lost. Pure.
 *
 * Ids are derived from the task's own: following twice sends the same messages twice.
 * @module
 */
import { inTurn, readCanvas, sideBySide } from "./canvas.ts";
import { type Canvas, endings, given, identified, steps } from "./canvas_tree.ts";
import { childIds } from "./child_id.ts";
import type { ReadsBodies } from "./chord_body.ts";
import { childOf, type Dispatch, dispatch, type ResultTuple } from "./dispatch.ts";
import type { Embed, TaskMessage } from "./task_message.ts";
import { fromWire, type Signature } from "./signature.ts";

/** What starts when a task has succeeded. */
export interface Following extends Dispatch {
  /** Results of what starts, for the record's `children`. */
  readonly children: readonly ResultTuple[];
}

/** A task that will never run. */
export interface LostTask {
  readonly id: string;
  readonly name: string;
  /** The chord that waits for it. */
  readonly chord: PendingChord | null;
}

/** A chord as a member of its header knows it. */
export interface PendingChord {
  readonly group: string;
  /** Its body as it travels. */
  readonly body: unknown;
  readonly rootId: string | null;
}

/** Whether anything follows this task, in any case. */
export function isFollowed({ callbacks, errbacks, chain, chord }: Embed): boolean {
  return Boolean(callbacks?.length || errbacks?.length || chain?.length || chord);
}

/** Whether all that follows can be understood.
 *
 * @throws {Malformed} when it cannot */
export function checkEmbed({ callbacks, errbacks, chain, chord }: Embed): void {
  for (const wire of [...callbacks ?? [], ...errbacks ?? [], ...chain ?? []]) readCanvas(wire);
  if (chord) readCanvas(chord);
}

/** The chord that this task is a member of. */
export function chordOf({ embed, group, rootId }: TaskMessage): PendingChord | null {
  return embed.chord && group !== null ? { group, body: embed.chord, rootId } : null;
}

/** What starts when a task has returned `value`: callbacks, then the next step of its chain.
 *
 * Several plain callbacks are a group (celery/app/trace.py).
 *
 * @param value parsed, typed values as they travel
 * @param reads as for {@linkcode dispatch}
 *
 * @example
 * ```ts
 * import { afterSuccess } from "./following.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const add = { task: "add", args: [4], kwargs: {}, options: { task_id: "b" } };
 * const embed = { callbacks: null, errbacks: null, chain: [add], chord: null };
 * const { messages } = afterSuccess({ id: "a", rootId: "a", embed }, 3);
 * assertEquals(messages.map(({ args }) => args), [[3, 4]]);
 * ```
 */
export function afterSuccess(
  { id, rootId, embed }: Pick<TaskMessage, "id" | "rootId" | "embed">,
  value: unknown,
  reads?: ReadsBodies,
): Following {
  const callbacks = (embed.callbacks ?? []).map(readCanvas);
  const plain = callbacks.filter(({ kind }) => kind !== "group");
  const newId = childIds(id, "link"); // one for all parts: no two ids are alike
  const parts = [
    ...callbacks.filter(({ kind }) => kind === "group"),
    ...(callbacks.length > 1 && plain.length > 0 ? [sideBySide(plain)] : plain),
  ].map((part) => identified(part, newId));
  const next = rest(id, embed);
  return started([...parts, ...(next ? [next] : [])], [value], { rootId, parentId: id }, reads);
}

/** What starts when a task has failed: errbacks, each given the id of the task.
 *
 * In Celery an errback of two or more arguments may run in the failing worker (trap T8); one that crosses languages takes the id. */
export function afterFailure(
  { id, rootId, embed }: { id: string; rootId: string; embed: Pick<Embed, "errbacks"> },
  reads?: ReadsBodies,
): Following {
  const errbacks = (embed.errbacks ?? []).map(readCanvas);
  if (errbacks.length === 0) return started([], [], {});
  const all = identified(sideBySide(errbacks), childIds(id, "link_error"));
  return started([all], [id], { rootId, parentId: id }, reads);
}

/** What will never run as this task did not succeed: the rest of its chain. */
export function lostAfter({ id, embed }: Pick<TaskMessage, "id" | "embed">): LostTask[] {
  const next = rest(id, embed);
  return next ? lost(next) : [];
}

/** A chord's body, ready to start or to be lost. */
export function bodyOf({ group, body }: PendingChord): Canvas {
  return identified(readCanvas(body), childIds(group, "body"));
}

/** What starts when all members of a chord have succeeded.
 *
 * @param values of the members, in their order */
export function afterHeader(
  chord: PendingChord,
  values: readonly unknown[],
  parentId: string,
  reads?: ReadsBodies,
): Following {
  return started([bodyOf(chord)], [values], { rootId: chord.rootId, parentId }, reads);
}

/** What will never run because a member of the chord did not succeed, and the errbacks to start.
 *
 * The errbacks are those of the tasks that would have started the body, as in Celery: the first task of
 * a chain, every member of a group; of a chord those of its header and its body. Each is given the id
 * of its task; Celery gives those of a chain the id of its last task. */
export function withoutHeader(
  chord: PendingChord,
  reads?: ReadsBodies,
): { lost: LostTask[]; errbacks: Following } {
  const body = bodyOf(chord);
  const { taskId } = fromWire(chord.body).options;
  const isOne = body.kind === "task" || body.kind === "chain";
  const started = firsts(body).map(({ options: { taskId: own, errbacks = null } }) => {
    const id = (isOne ? taskId : undefined) ?? own!;
    return afterFailure({ id, rootId: chord.rootId ?? id, embed: { errbacks } }, reads);
  });
  return { lost: lost(body), errbacks: joined(started) };
}

/** The tasks whose errbacks stand for a canvas that does not start. */
function firsts(canvas: Canvas): Signature[] {
  switch (canvas.kind) {
    case "task":
      return [canvas.signature];
    case "chain":
      return canvas.steps.slice(0, 1).flatMap(firsts);
    case "group":
      return canvas.members.flatMap(firsts);
    case "chord":
      return [...canvas.header, canvas.body].flatMap(firsts);
  }
}

function joined(parts: readonly Following[]): Following {
  return {
    chords: parts.flatMap(({ chords }) => chords),
    messages: parts.flatMap(({ messages }) => messages),
    children: parts.flatMap(({ children }) => children),
  };
}

function rest(id: string, { chain }: Pick<Embed, "chain">): Canvas | undefined {
  if (!chain || chain.length === 0) return undefined;
  return identified(inTurn(chain.toReversed().map(readCanvas)), childIds(id, "chain"));
}

function started(
  parts: readonly Canvas[],
  args: readonly unknown[],
  origin: { rootId?: string | null; parentId?: string },
  reads?: ReadsBodies,
): Following {
  const started = parts.map((part) => dispatch(given(part, args), origin, reads));
  return {
    chords: started.flatMap(({ chords }) => chords),
    messages: started.flatMap(({ messages }) => messages),
    children: parts.map(childOf),
  };
}

/** Every task of a canvas. Chords wait for what it ends with; a chord within it was never opened. */
export function lost(canvas: Canvas): LostTask[] {
  const waited = new Set(endings(canvas));
  return steps(canvas).map((signature) => {
    const { taskId, chord, group, rootId = null } = signature.options;
    const waiting = chord && group && waited.has(signature);
    return {
      id: taskId!,
      name: signature.task,
      chord: waiting ? { group, body: chord, rootId } : null,
    };
  });
}
