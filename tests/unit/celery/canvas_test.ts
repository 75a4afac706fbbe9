import { assertEquals, assertThrows } from "@std/assert";
import { chainOf, groupOf, readCanvas, writeCanvas } from "../../../shared/celery/canvas.ts";
import { type Canvas, identified, type Step, steps } from "../../../shared/celery/canvas_tree.ts";
import { childIds } from "../../../shared/celery/child_id.ts";
import { dispatch, resultOf } from "../../../shared/celery/dispatch.ts";
import {
  afterFailedHeader,
  afterFailure,
  afterHeader,
  afterSuccess,
  checkEmbed,
  lostAfter,
} from "../../../shared/celery/following.ts";
import type { SignatureOptions } from "../../../shared/celery/signature.ts";
import { Malformed } from "../../../shared/errors.ts";

function task(name: string, options: SignatureOptions = {}): Step {
  return { kind: "task", signature: { task: name, args: [], kwargs: {}, options } };
}

const wire = (task: string, options: object = {}) => ({
  task,
  args: [],
  kwargs: {},
  options,
  subtask_type: null,
  immutable: false,
});
const composite = (kind: string, kwargs: object, options: object = {}) => ({
  task: `celery.${kind}`,
  args: [],
  kwargs,
  options,
  subtask_type: kind,
  immutable: false,
});
const NOTHING = { callbacks: null, errbacks: null, chain: null, chord: null };

/** Task names; brackets mark parts that are not sequential. */
function shape(canvas: Canvas): unknown {
  switch (canvas.kind) {
    case "task":
      return canvas.signature.task;
    case "chain":
      return { chain: canvas.steps.map(shape) };
    case "group":
      return { group: canvas.members.map(shape) };
    case "chord":
      return { chord: canvas.header.map(shape), body: shape(canvas.body) };
  }
}

Deno.test("readCanvas() normalizes equivalent canvases", () => {
  const [a, b, c] = [wire("a"), wire("b"), wire("c")];
  const chain = (...tasks: unknown[]) => composite("chain", { tasks });
  const group = (...tasks: unknown[]) => composite("group", { tasks });
  const cases: [unknown, unknown][] = [
    [a, "a"],
    [chain(a), "a"],
    [chain(a, chain(b, c)), { chain: ["a", "b", "c"] }],
    [chain(a, group(), b), { chain: ["a", "b"] }],
    [chain(a, group(b, c)), { chain: ["a", { group: ["b", "c"] }] }],
    [chain(group(a, b), c), { chord: ["a", "b"], body: "c" }],
    [chain(group(a), group(b), c), { chord: ["a"], body: { chord: ["b"], body: "c" } }],
    [group(a, group(b, c)), { group: ["a", "b", "c"] }],
    [composite("chord", { header: [a, b], body: c, kwargs: {} }), {
      chord: ["a", "b"],
      body: "c",
    }],
    [composite("chord", { header: group(a, b), body: chain(c, a) }), {
      chord: ["a", "b"],
      body: { chain: ["c", "a"] },
    }],
    // A body of Celery 5.7 carries the following steps.
    [wire("b", { chain: [wire("d"), wire("c")] }), { chain: ["b", "c", "d"] }],
    [composite("chunks", { task: a, it: [[1], [2], [3]], n: 2 }), {
      group: ["celery.starmap", "celery.starmap"],
    }],
  ];
  for (const [given, expected] of cases) {
    const read = readCanvas(given);
    assertEquals(shape(read), expected);
    assertEquals(shape(readCanvas(writeCanvas(read))), expected, "written and read again");
  }
});

Deno.test("readCanvas() applies the options of a composite to its tasks", () => {
  const link = wire("link");
  const chain = composite("chain", { tasks: [wire("a"), wire("b")] }, {
    task_id: "last",
    group_id: "g",
    chord: wire("body"),
    link: [link],
    link_error: [link],
  });
  const [a, b] = steps(readCanvas(chain)).map(({ options }) => options);
  assertEquals([a?.taskId, b?.taskId], [undefined, "last"]);
  assertEquals([a?.group, b?.group], [undefined, "g"]);
  assertEquals([a?.callbacks, b?.callbacks], [undefined, [link]]);
  assertEquals([a?.errbacks, b?.errbacks], [[link], [link]]);
  const partial = { ...composite("group", { tasks: [wire("a"), wire("b")] }), args: [1] };
  assertEquals(steps(readCanvas(partial)).map(({ args }) => args), [[1], [1]]);
});

Deno.test("readCanvas() refuses values that are not a canvas", () => {
  let deep: unknown = wire("a");
  for (let depth = 0; depth < 60; depth++) {
    deep = composite("chain", { tasks: [deep] });
  }
  const bad = [
    deep,
    {},
    composite("chain", { tasks: [] }),
    composite("chain", { tasks: {} }),
    composite("chord", { header: [wire("a")] }),
    composite("chunks", { task: wire("a"), it: [], n: 0 }),
  ];
  for (const given of bad) assertThrows(() => readCanvas(given), Malformed);
  assertThrows(() => checkEmbed({ ...NOTHING, chain: [{}] }), Malformed);
});

Deno.test("dispatch() sends the first step with the following ones and opens chords", () => {
  const canvas = identified(
    chainOf([task("a"), groupOf([task("h1"), task("h2")]), task("b"), task("z")]),
    childIds("w", "tasks"),
  );
  const { messages, chords } = dispatch(canvas, { rootId: "root", parentId: "parent" });
  assertEquals([messages.length, chords.length], [1, 0]);
  const [first] = messages;
  assertEquals(
    [first?.task, first?.options.rootId, first?.options.parentId],
    ["a", "root", "parent"],
  );
  const next = afterSuccess({
    id: first!.options.taskId,
    rootId: "root",
    embed: { ...NOTHING, chain: first!.options.chain! },
  }, 7);
  assertEquals(next.messages.map(({ task, args }) => [task, args]), [["h1", [7]], ["h2", [7]]]);
  const [opened] = next.chords;
  assertEquals(
    opened?.members.map(([[id]]) => id),
    next.messages.map(({ options }) => options.taskId),
  );
  assertEquals(next.messages.map(({ options }) => [options.group, options.groupIndex]), [
    [opened?.id, 0],
    [opened?.id, 1],
  ]);
  const member = next.messages[0]!.options;
  const chord = { group: member.group!, body: member.chord, rootId: "root" };
  const [body] = afterHeader(chord, [1, 2], "h2").messages;
  assertEquals([body?.task, body?.args, body?.options.rootId], ["b", [[1, 2]], "root"]);
  const [z] = afterSuccess({
    id: body!.options.taskId,
    rootId: "root",
    embed: { ...NOTHING, chain: body!.options.chain! },
  }, 3).messages;
  assertEquals([z?.task, z?.args], ["z", [3]]);
  assertEquals(afterFailedHeader(chord).lost.map(({ name }) => name), ["b", "z"]);
  assertEquals(
    lostAfter({ id: "a", embed: { ...NOTHING, chain: first!.options.chain! } }).length,
    4,
  );
});

Deno.test("dispatch() counts the last tasks of a chord's members", () => {
  const inner: Canvas = { kind: "chord", header: [task("i1"), task("i2")], body: task("ib") };
  const fanned = chainOf([task("f"), groupOf([task("f1"), task("f2")])]);
  const canvas = identified(
    { kind: "chord", header: [inner, fanned, task("t")], body: task("body") },
    childIds("w", "tasks"),
  );
  const { chords, messages } = dispatch(canvas, {});
  assertEquals(messages.map(({ task }) => task), ["i1", "i2", "f", "t"]);
  const [outer, nested] = chords;
  const names = new Map(steps(canvas).map(({ options, task }) => [options.taskId, task]));
  const named = (members: typeof outer) => members?.members.map(([[id]]) => names.get(id));
  assertEquals(named(outer), ["ib", "f1", "f2", "t"]);
  assertEquals(named(nested), ["i1", "i2"]);
});

Deno.test("dispatch() starts the body of an empty chord immediately", () => {
  const canvas: Canvas = { kind: "chord", header: [], body: task("body", { taskId: "b" }) };
  const { chords, messages } = dispatch(canvas, {});
  assertEquals([chords, messages.map(({ args }) => args)], [[], [[[]]]]);
});

Deno.test("afterSuccess() groups several callbacks and returns the same ids each time", () => {
  const embed = { ...NOTHING, callbacks: [wire("a"), wire("b", { task_id: "own" })] };
  const [one, again] = [1, 2].map(() => afterSuccess({ id: "t", rootId: "r", embed }, 1));
  assertEquals(one, again);
  assertEquals(one?.messages.map(({ options }) => options.groupIndex), [0, 1]);
  assertEquals(one?.messages[1]?.options.taskId, "own");
  assertEquals(one?.children.length, 1);
});

Deno.test("afterFailure() passes the task's id to errbacks, and no argument to immutable ones", () => {
  const embed = { errbacks: [wire("a"), { ...wire("b"), immutable: true }] };
  const { messages } = afterFailure({ id: "t", rootId: "r", embed });
  assertEquals(messages.map(({ args }) => args), [["t"], []]);
  assertEquals(messages.map(({ options }) => options.parentId), ["t", "t"]);
});

Deno.test("afterFailedHeader() starts the errbacks of a body that is a group or a chord", () => {
  const errback = (name: string) => ({ link_error: [wire(name)] });
  const group = composite("group", { tasks: [wire("a", errback("ea")), wire("b", errback("eb"))] });
  const chord = composite("chord", {
    kwargs: {},
    header: [wire("h", errback("eh"))],
    body: wire("z", errback("ez")),
  });
  const started = (body: unknown) =>
    afterFailedHeader({ group: "g", body, rootId: null }).errbacks.messages.map(({ task }) => task);
  assertEquals(started(group), ["ea", "eb"]);
  assertEquals(started(chord), ["eh", "ez"]);
  assertEquals(started(composite("chain", { tasks: [wire("c", errback("ec")), group] })), ["ec"]);
});

Deno.test("resultOf() has the parents of a chain and the members of a group", () => {
  const canvas = chainOf([
    task("a", { taskId: "a" }),
    groupOf([task("b", { taskId: "b" }), task("c", { taskId: "c" })], "g"),
  ]);
  assertEquals(resultOf(canvas), [["g", [["a", null], null]], [
    [["b", null], null],
    [["c", null], null],
  ]]);
});

Deno.test("childIds() keeps the timestamp of a UUIDv7", () => {
  const parent = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
  const id = childIds(parent, "chain")();
  assertEquals(id.slice(0, 15), "017f22e2-79b0-7");
  assertEquals(
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
      .test(childIds("order-17", "chain")()),
    true,
  );
});
