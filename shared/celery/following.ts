/** Determines the follow-ups of a finished task from its message: the next step, callbacks, errbacks and lost steps. Pure.
 *
 * Ids are derived from the task's id, so a repeated call returns the same messages.
 * @module
 */
import { chainOf, groupOf, readCanvas } from "./canvas.ts";
import { type Canvas, endings, given, identified, steps } from "./canvas_tree.ts";
import { childIds } from "./child_id.ts";
import type { ReadsBodies } from "./chord_body.ts";
import { childOf, type Dispatch, dispatch, type ResultTuple } from "./dispatch.ts";
import type { Embed, TaskMessage } from "./task_message.ts";
import { fromWire, type Signature } from "./signature.ts";

/** The messages and chords that follow a successful task. */
export interface NextTasks extends Dispatch {
  /** Results of the started tasks, for the record's `children`. */
  readonly children: readonly ResultTuple[];
}

/** A task that will never run. */
export interface LostTask {
  readonly id: string;
  readonly name: string;
  /** The chord that waits for it. */
  readonly chord: PendingChord | null;
}

/** A chord as described in a member's message. */
export interface PendingChord {
  readonly group: string;
  /** Its body as a wire signature. */
  readonly body: unknown;
  readonly rootId: string | null;
}

/** Whether the task has any follow-up. */
export function isFollowed({ callbacks, errbacks, chain, chord }: Embed): boolean {
  return Boolean(callbacks?.length || errbacks?.length || chain?.length || chord);
}

/** Checks that all follow-ups can be read.
 *
 * @throws {Malformed} when it cannot */
export function checkEmbed({ callbacks, errbacks, chain, chord }: Embed): void {
  for (const wire of [...callbacks ?? [], ...errbacks ?? [], ...chain ?? []]) readCanvas(wire);
  if (chord) readCanvas(chord);
}

/** The chord that the task is a member of. */
export function chordOf({ embed, group, rootId }: TaskMessage): PendingChord | null {
  return embed.chord && group !== null ? { group, body: embed.chord, rootId } : null;
}

/** The follow-ups of a task that returned `value`: callbacks, then the next step of its chain.
 *
 * Several plain callbacks form a group (celery/app/trace.py).
 *
 * @param value parsed JSON; typed values are not decoded
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
): NextTasks {
  const callbacks = (embed.callbacks ?? []).map(readCanvas);
  const plain = callbacks.filter(({ kind }) => kind !== "group");
  const newId = childIds(id, "link"); // one sequence for all parts keeps the ids unique
  const parts = [
    ...callbacks.filter(({ kind }) => kind === "group"),
    ...(callbacks.length > 1 && plain.length > 0 ? [groupOf(plain)] : plain),
  ].map((part) => identified(part, newId));
  const next = rest(id, embed);
  return started([...parts, ...(next ? [next] : [])], [value], { rootId, parentId: id }, reads);
}

/** The follow-ups of a failed task: its errbacks. Each receives the id of the task.
 *
 * In Celery an errback of two or more arguments may run in the failing worker (trap T8). A cross-language errback takes the id only. */
export function afterFailure(
  { id, rootId, embed }: { id: string; rootId: string; embed: Pick<Embed, "errbacks"> },
  reads?: ReadsBodies,
): NextTasks {
  const errbacks = (embed.errbacks ?? []).map(readCanvas);
  if (errbacks.length === 0) return started([], [], {});
  const all = identified(groupOf(errbacks), childIds(id, "link_error"));
  return started([all], [id], { rootId, parentId: id }, reads);
}

/** The tasks that will never run because this task did not succeed: the rest of its chain. */
export function lostAfter({ id, embed }: Pick<TaskMessage, "id" | "embed">): LostTask[] {
  const next = rest(id, embed);
  return next ? lost(next) : [];
}

/** The body of a chord, with ids. */
export function bodyOf({ group, body }: PendingChord): Canvas {
  return identified(readCanvas(body), childIds(group, "body"));
}

/** The follow-ups of a chord whose members have all succeeded.
 *
 * @param values results of the members, in order */
export function afterHeader(
  chord: PendingChord,
  values: readonly unknown[],
  parentId: string,
  reads?: ReadsBodies,
): NextTasks {
  return started([bodyOf(chord)], [values], { rootId: chord.rootId, parentId }, reads);
}

/** The lost tasks and the errbacks of a chord with a member that did not succeed.
 *
 * As in Celery, these are the errbacks of the tasks that would have started the body: the first task of a chain, every member of a group,
 * the header and the body of a chord. Each receives the id of its task. Celery passes the id of the last task to the errbacks of a chain. */
export function afterFailedHeader(
  chord: PendingChord,
  reads?: ReadsBodies,
): { lost: LostTask[]; errbacks: NextTasks } {
  const body = bodyOf(chord);
  const { taskId } = fromWire(chord.body).options;
  const isOne = body.kind === "task" || body.kind === "chain";
  const started = firstTasks(body).map(({ options: { taskId: own, errbacks = null } }) => {
    const id = (isOne ? taskId : undefined) ?? own!;
    return afterFailure({ id, rootId: chord.rootId ?? id, embed: { errbacks } }, reads);
  });
  return { lost: lost(body), errbacks: joined(started) };
}

/** The tasks whose errbacks run if a canvas does not start. */
function firstTasks(canvas: Canvas): Signature[] {
  switch (canvas.kind) {
    case "task":
      return [canvas.signature];
    case "chain":
      return canvas.steps.slice(0, 1).flatMap(firstTasks);
    case "group":
      return canvas.members.flatMap(firstTasks);
    case "chord":
      return [...canvas.header, canvas.body].flatMap(firstTasks);
  }
}

function joined(parts: readonly NextTasks[]): NextTasks {
  return {
    chords: parts.flatMap(({ chords }) => chords),
    messages: parts.flatMap(({ messages }) => messages),
    children: parts.flatMap(({ children }) => children),
  };
}

function rest(id: string, { chain }: Pick<Embed, "chain">): Canvas | undefined {
  if (!chain || chain.length === 0) return undefined;
  return identified(chainOf(chain.toReversed().map(readCanvas)), childIds(id, "chain"));
}

function started(
  parts: readonly Canvas[],
  args: readonly unknown[],
  origin: { rootId?: string | null; parentId?: string },
  reads?: ReadsBodies,
): NextTasks {
  const started = parts.map((part) => dispatch(given(part, args), origin, reads));
  return {
    chords: started.flatMap(({ chords }) => chords),
    messages: started.flatMap(({ messages }) => messages),
    children: parts.map(childOf),
  };
}

/** Every task of a canvas. Only its last tasks count for the chord that waits for it; a chord within the canvas was never opened. */
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
