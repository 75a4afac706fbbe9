/** Bytes that workflows take on the wire. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { chainOf, groupOf } from "../../../shared/celery/canvas.ts";
import { type Canvas, identified, type Step, steps } from "../../../shared/celery/canvas_tree.ts";
import { childIds } from "../../../shared/celery/child_id.ts";
import { isReference, MAX_COPIES_BYTES } from "../../../shared/celery/chord_body.ts";
import { checkBodies, type Dispatch, dispatch } from "../../../shared/celery/dispatch.ts";
import { afterHeader, afterSuccess, type PendingChord } from "../../../shared/celery/following.ts";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import { encodeTask, type IdentifiedSignature } from "../../../shared/celery/message.ts";
import { Malformed, WorkflowTooLarge } from "../../../shared/errors.ts";

const always = () => true;
const context = {
  origin: "o",
  destination: { exchange: "", routingKey: "q" },
  now: new Date(0),
};

function task(args: unknown[] = [1]): Step {
  return { kind: "task", signature: { task: "add", args, kwargs: {}, options: {} } };
}

function group(length: number): Canvas {
  return groupOf(Array.from({ length }, () => task()));
}

const named = (canvas: Canvas) => identified(canvas, childIds("w", "workflow"));

/** Runs a workflow to its end.
 *
 * @returns bytes of all messages and of all stored bodies, and the tasks that ran */
function run(canvas: Canvas): { sent: number; stored: number; ran: number } {
  const waiting: IdentifiedSignature[] = [];
  const bodies = new Map<string, unknown>();
  const left = new Map<string, number>();
  let [sent, stored, ran] = [0, 0, 0];
  const start = ({ chords, messages }: Dispatch) => {
    for (const { id, members, body } of chords) {
      left.set(id, members.length);
      if (!body) continue;
      bodies.set(id, body);
      stored += stringifyJson(body).length;
    }
    for (const message of messages) {
      sent += encodeTask(message, context).body.length;
      waiting.push(message);
    }
  };
  start(dispatch(canvas, {}, always));
  for (let message = waiting.pop(); message; message = waiting.pop()) {
    ran++;
    const { taskId: id, chain = null, chord = null, group } = message.options;
    const embed = { callbacks: null, errbacks: null, chain, chord };
    start(afterSuccess({ id, rootId: "r", embed }, 1, always));
    if (!chord || !group) continue;
    left.set(group, left.get(group)! - 1);
    if (left.get(group) !== 0) continue;
    const body = isReference(chord) ? bodies.get(group) : chord;
    assert(body, `the body of ${group} is stored`);
    const pending: PendingChord = { group, body, rootId: "r" };
    start(afterHeader(pending, [], id, always));
  }
  return { sent, stored, ran };
}

/** Maximum bytes of a task on the wire. */
const TASK_BYTES = 600;

const chordIn = (header: Canvas[], body: Canvas): Canvas => ({ kind: "chord", header, body });

const SHAPES: Record<string, (n: number) => Canvas> = {
  "two groups": (n) => chainOf([group(n), group(n)]),
  "three groups": (n) => chainOf([group(n), group(n), group(n)]),
  "a task, then groups": (n) => chainOf([task(), group(n), group(n), task()]),
  "a chord in the header of a chord": (n) => chordIn([chordIn([group(n)], group(n))], group(n)),
  "chains that end in a group": (n) =>
    chordIn([chainOf([task(), group(n)]), chainOf([task(), group(n)])], group(n)),
  "a long chain after a group": (n) =>
    chainOf([group(n), ...Array.from({ length: 50 }, () => task())]),
};

for (const [shape, make] of Object.entries(SHAPES)) {
  Deno.test(`a workflow takes linear space on the wire: ${shape}`, () => {
    const canvas = named(flat(make(2500)));
    checkBodies(canvas, always);
    const tasks = steps(canvas).length;
    const { sent, stored, ran } = run(canvas);
    assertEquals(ran, tasks);
    // Each step of the chain carries the following ones.
    const rest = shape === "a long chain after a group" ? 50 * 50 * TASK_BYTES : 0;
    assert(sent + stored < 3 * tasks * TASK_BYTES + rest, `${sent} and ${stored} bytes`);
  });
}

/** The members of groups in a header are members of the header. */
function flat(canvas: Canvas): Canvas {
  if (canvas.kind !== "chord") return canvas;
  const header = groupOf(canvas.header.map(flat)).members;
  return { ...canvas, header, body: flat(canvas.body) };
}

Deno.test("dispatch() copies a small body into each member, as Celery does", () => {
  const canvas = named(chainOf([group(20), task()]));
  const { chords, messages } = dispatch(canvas, {}, always);
  assertEquals(chords.map(({ body }) => body), [undefined]);
  assert(messages.every(({ options }) => !isReference(options.chord)));
});

Deno.test("dispatch() refuses body copies for Python workers above the size limit", () => {
  const never = () => false;
  const small = named(chainOf([group(300), group(300)]));
  checkBodies(small, never);
  assertEquals(dispatch(small, {}, never).chords[0]!.body, undefined);
  const large = named(chainOf([group(2500), group(2500)]));
  const limit = String(MAX_COPIES_BYTES);
  assertThrows(() => dispatch(large, {}, never), WorkflowTooLarge, limit);
  // Also if the large chord starts later or is in the header of a small chord.
  const later = named(chainOf([task(), group(2500), group(2500), task()]));
  assertEquals(dispatch(later, {}, never).messages.length, 1);
  assertThrows(() => checkBodies(later, never), WorkflowTooLarge, limit);
  const within = named(chordIn([chainOf([task(), group(2500), group(2500)]), task()], task()));
  assertThrows(() => checkBodies(within, never), WorkflowTooLarge, limit);
});

Deno.test("chainOf() refuses more consecutive groups than can be read", () => {
  const row = (length: number) => chainOf(Array.from({ length }, () => group(2)));
  row(40);
  for (const length of [60, 5000]) assertThrows(() => row(length), Malformed, "follow one another");
});
