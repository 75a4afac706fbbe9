/** Runs arbitrary workflows in memory with the workers' pure functions and checks the ids. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { readCanvas } from "../../../shared/celery/canvas.ts";
import { type Canvas, identified, steps } from "../../../shared/celery/canvas_tree.ts";
import { childIds } from "../../../shared/celery/child_id.ts";
import { type Dispatch, dispatch, type ResultTuple } from "../../../shared/celery/dispatch.ts";
import {
  afterFailedHeader,
  afterFailure,
  afterHeader,
  afterSuccess,
  lostAfter,
  type PendingChord,
} from "../../../shared/celery/following.ts";
import type { IdentifiedSignature } from "../../../shared/celery/message.ts";

type Wire = Record<string, unknown>;

const composite = (kind: string, kwargs: object, options: object = {}): Wire => ({
  task: `celery.${kind}`,
  args: [],
  kwargs,
  options,
  subtask_type: kind,
  immutable: false,
});

const plain = fc.constant<Wire>({
  task: "t",
  args: [],
  kwargs: {},
  options: {},
  subtask_type: null,
  immutable: false,
});

/** Nested signatures without ids. */
const { any: signature } = fc.letrec<{ any: Wire; linked: Wire }>((tie) => {
  const list = fc.array(tie("any"), { minLength: 1, maxLength: 3 });
  const links = fc.record({
    link: fc.array(tie("any"), { maxLength: 3 }),
    link_error: fc.array(tie("any"), { maxLength: 2 }),
  });
  return {
    linked: fc.tuple(plain, links).map(([task, options]) => ({ ...task, options })),
    any: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      plain,
      tie("linked"),
      list.map((tasks) => composite("chain", { tasks })),
      list.map((tasks) => composite("group", { tasks })),
      fc.tuple(list, tie("any")).map(([header, body]) =>
        composite("chord", { kwargs: {}, header, body })
      ),
    ),
  };
});

/** Finishes every task of a workflow with the same outcome. Sends the follow-ups of each task twice, as a worker may.
 *
 * @returns ids of all tasks that ran or were lost, one entry each */
function run(canvas: Canvas, succeed: boolean): { tasks: string[]; groups: string[] } {
  const tasks: string[] = [];
  const groups: string[] = [];
  const waiting: IdentifiedSignature[] = [];
  const chords = new Map<string, Set<string>>();
  const start = ({ chords: opened, messages }: Dispatch) => {
    for (const { id, members } of opened) {
      groups.push(id);
      chords.set(id, new Set(members.flatMap(leaves)));
    }
    waiting.push(...messages);
  };
  const twice = <T>(follow: () => T): T => {
    const first = follow();
    assertEquals(follow(), first);
    return first;
  };
  const count = (chord: PendingChord, member: string) => {
    const left = chords.get(chord.group);
    if (!left?.delete(member) || left.size > 0) return;
    if (succeed) start(twice(() => afterHeader(chord, [], member)));
    else {
      const { lost, errbacks } = twice(() => afterFailedHeader(chord));
      lose(lost);
      start(errbacks);
    }
  };
  const lose = (lost: ReturnType<typeof lostAfter>) => {
    for (const { id, chord } of lost) {
      tasks.push(id);
      if (chord) count(chord, id);
    }
  };
  start(dispatch(canvas, {}));
  for (let message = waiting.shift(); message; message = waiting.shift()) {
    const { taskId: id, callbacks = null, errbacks = null, chain = null, chord = null, group } =
      message.options;
    tasks.push(id);
    const task = { id, rootId: "r", embed: { callbacks, errbacks, chain, chord } };
    if (succeed) start(twice(() => afterSuccess(task, 1)));
    else {
      lose(twice(() => lostAfter(task)));
      start(twice(() => afterFailure(task)));
    }
    if (chord && group) count({ group, body: chord, rootId: "r" }, id);
  }
  return { tasks, groups };
}

function leaves([[id], members]: ResultTuple): string[] {
  return members === null ? [id] : members.flatMap(leaves);
}

Deno.test("all ids of a workflow are distinct, whatever its shape", () => {
  fc.assert(
    fc.property(signature, fc.boolean(), (wire, succeed) => {
      const canvas = identified(readCanvas(wire), childIds("w", "workflow"));
      const { tasks, groups } = run(canvas, succeed);
      const ids = [...tasks, ...groups];
      assertEquals(ids.length, new Set(ids).size);
      // Every task of the canvas is included, plus its linked tasks.
      const all = new Set(tasks);
      assertEquals(steps(canvas).filter(({ options }) => !all.has(options.taskId!)), []);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("afterSuccess() gives distinct ids to the tasks of two groups in one link", () => {
  const group = composite("group", { tasks: [1, 2].map(() => ({ ...fc.sample(plain, 1)[0]! })) });
  const embed = { callbacks: [group, group], errbacks: null, chain: null, chord: null };
  const { messages } = afterSuccess({ id: "t", rootId: "t", embed }, 1);
  assertEquals(new Set(messages.map(({ options }) => options.taskId)).size, 4);
});

Deno.test("readCanvas() gives the id of a chain to its last group", () => {
  const task = { task: "t", args: [], kwargs: {}, options: {} };
  const chain = composite("chain", {
    tasks: [task, composite("group", { tasks: [task, task] })],
  }, { task_id: "whole" });
  const ids = steps(readCanvas(chain)).map(({ options }) => options.taskId);
  assertEquals(ids, [undefined, undefined, undefined]);
});
