/** Followers of a task: chains, groups, chords, callbacks and errbacks, also across crashes. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { v7 as newId } from "uuid";
import { chainOf, groupOf, seriesStep } from "../../../shared/celery/canvas.ts";
import { type Canvas, identified, type Step, steps } from "../../../shared/celery/canvas_tree.ts";
import { childIds } from "../../../shared/celery/child_id.ts";
import { toWire } from "../../../shared/celery/signature.ts";
import type { SignatureOptions } from "../../../shared/celery/signature.ts";
import { toProblem } from "../../../api/http/problem.ts";
import { WorkflowTooLarge } from "../../../shared/errors.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { NativeChords } from "../../../shared/workflows/chords.ts";
import { DjangoChords } from "../../../shared/workflows/django_chords.ts";
import { isFinal } from "../../../shared/results/result.ts";
import { TaskRouter } from "../../../shared/outbox/task_router.ts";
import { type WorkflowRecord, Workflows } from "../../../shared/workflows/store.ts";
import { handle } from "../../../workers/handlers.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture, type WorkerFixture } from "../../support/worker_fixture.ts";

const add = defineTask({
  name: "add",
  input: z.object({ x: z.number(), y: z.number() }),
  output: z.number(),
});
const sum = defineTask({
  name: "sum",
  input: z.object({ numbers: z.array(z.number()), more: z.number().default(0) }),
  output: z.number(),
});
const list = defineTask({ name: "list", input: z.object({ items: z.array(z.unknown()) }) });
const fail = defineTask({ name: "fail", input: z.object({ given: z.unknown().optional() }) });
const note = defineTask({ name: "note", input: z.object({ id: z.string() }) });
const silent = defineTask({
  name: "silent",
  input: z.object({ x: z.number() }),
  ignoreResult: true,
});

/** Milliseconds within which a copy of the message arrives during the run. */
const SUM_MS = 300;

function handlers() {
  const notes: string[] = [];
  const runs: string[] = [];
  const all = [
    handle(add, ({ x, y }, { id }) => {
      runs.push(id);
      return x + y;
    }),
    handle(sum, async ({ numbers, more }, { id }) => {
      runs.push(id);
      await new Promise((resolve) => setTimeout(resolve, SUM_MS));
      return numbers.reduce((total, number) => total + number, more);
    }),
    handle(list, ({ items }) => items),
    handle(fail, () => {
      throw new RangeError("boom");
    }),
    handle(note, ({ id }) => void notes.push(id)),
    handle(silent, ({ x }) => x),
  ];
  return { all, notes, runs };
}

function task(
  { name }: { name: string },
  args: unknown[] = [],
  options: SignatureOptions & { immutable?: boolean } = {},
): Step {
  const { immutable, ...own } = options;
  return {
    kind: "task",
    signature: { task: name, args, kwargs: {}, options: own, ...(immutable && { immutable }) },
  };
}

const chord = (header: Canvas[], body: Canvas): Canvas => ({ kind: "chord", header, body });

interface Fixture extends AsyncDisposable {
  readonly base: WorkerFixture;
  readonly notes: string[];
  readonly runs: string[];
  readonly chords: NativeChords;
  start(canvas: Canvas): Promise<{ id: string; canvas: Canvas }>;
  /** The workflow, once it has ended. */
  ended(canvas: Canvas): Promise<WorkflowRecord>;
}

async function createFixture(options: { unroutableSeconds?: number } = {}): Promise<Fixture> {
  const { all, notes, runs } = handlers();
  const base = await startWorkerFixture(all, {}, options);
  const { database, outbox } = base;
  const chords = new NativeChords({ database });
  const registry = new Registry(all.map(({ contract }) => contract));
  const workflows = new Workflows({
    database,
    outbox,
    chords,
    store: base.store,
    origin: "gen1@test",
    routes: new TaskRouter(registry, []),
  });
  const start = async (canvas: Canvas) => {
    const id = newId();
    const fixed = identified(canvas, childIds(id, "workflow"));
    await workflows.start(id, fixed);
    return { id, canvas: fixed };
  };
  return {
    base,
    notes,
    runs,
    chords,
    start,
    async ended(canvas) {
      const { id } = await start(canvas);
      return await eventually(`the end of workflow ${id}`, async () => {
        const record = await workflows.find(id);
        return record && isFinal(record.state) ? record : undefined;
      });
    },
    [Symbol.asyncDispose]: () => base[Symbol.asyncDispose](),
  };
}

Deno.test("Follower runs every canvas shape to its result", async (t) => {
  await using fixture = await createFixture();
  const shapes: [string, Canvas, unknown][] = [
    ["a chain hands on results", chainOf([task(add, [2, 2]), task(add, [4]), task(add, [8])]), 16],
    [
      "immutable steps take none",
      chainOf([task(add, [2, 2]), task(add, [1, 1], { immutable: true })]),
      2,
    ],
    ["a group", groupOf([task(add, [1, 1]), task(add, [2, 2])]), [2, 4]],
    [
      "a group at the end of a chain",
      chainOf([task(add, [1, 1]), groupOf([task(add, [1]), task(add, [2])])]),
      [3, 4],
    ],
    ["a chord", chord([task(add, [1, 1]), task(add, [2, 2])], task(sum)), 6],
    [
      "a chord of 200",
      chord(Array.from({ length: 200 }, (_, index) => task(add, [index, 1])), task(sum)),
      20100,
    ],
    ["a chord without members", chord([], task(sum)), 0],
    [
      "a chord of chains",
      chord([chainOf([task(add, [1, 1]), task(add, [1])]), task(add, [2, 2])], task(sum)),
      7,
    ],
    [
      "a chord within a chain",
      chainOf([
        task(add, [1, 1]),
        groupOf([task(add, [1]), task(add, [2])]),
        task(sum),
        task(add, [100]),
      ]),
      107,
    ],
    [
      "a chord within a chord, its body a chain",
      chord(
        [
          chord([task(add, [1, 1]), task(add, [2, 2])], chainOf([task(sum), task(add, [10])])),
          task(add, [3, 3]),
        ],
        chainOf([task(sum), task(add, [1000])]),
      ),
      1022,
    ],
    [
      "groups that follow one another",
      chainOf([
        groupOf([task(add, [1, 1]), task(add, [2, 2])]),
        groupOf([task(sum, [], {}), task(list)]),
        task(list),
      ]),
      [6, [2, 4]],
    ],
    [
      "groups whose members refer to what follows",
      chainOf([
        task(add, [1, 1]),
        groupOf(Array.from({ length: 60 }, () => task(add, [1]))),
        groupOf(Array.from({ length: 60 }, () => task(sum))),
        task(sum),
      ]),
      60 * 60 * 3,
    ],
    ["a member that keeps no record of its own", chord([task(silent, [3])], task(list)), [3]],
    ["a map", seriesStep("map", toWire(task(fail).signature), []), []],
    ["a starmap", seriesStep("starmap", toWire(task(add).signature), [[1, 2], [3, 4]]), [3, 7]],
  ];
  for (const [name, canvas, expected] of shapes) {
    await t.step(name, async () => {
      const { state, result, exception } = await fixture.ended(canvas);
      assertEquals([state, exception], ["SUCCESS", null]);
      assertEquals(JSON.parse(result!), expected);
    });
  }
});

Deno.test("Follower fails the pending tasks after a failure, and runs the errbacks", async (t) => {
  await using fixture = await createFixture({ unroutableSeconds: 1 });
  const told = { errbacks: [toWire(task(note).signature)] };

  await t.step("the middle of a chain", async () => {
    const record = await fixture.ended(
      chainOf([task(add, [1, 1]), task(fail, [], told), task(add, [1]), task(add, [1])]),
    );
    assertEquals(record.state, "FAILURE");
    assertEquals(record.tasks.map(({ state }) => state), [
      "SUCCESS",
      "FAILURE",
      "FAILURE",
      "FAILURE",
    ]);
    assertEquals(record.exception?.exc_message, ["boom"]);
    await eventually("the errback", () => fixture.notes.includes(record.tasks[1]!.id) || undefined);
  });

  await t.step("a member of a chord", async () => {
    const record = await fixture.ended(
      chord([task(add, [1, 1]), task(fail)], chainOf([task(sum, [], told), task(add, [1])])),
    );
    assertEquals(record.state, "FAILURE");
    assertEquals(record.exception?.exc_type, "ChordError");
    assertStringIncludes(String(record.exception?.exc_message[0]), "raised ValueError('boom')");
    const [, , body] = record.tasks;
    await eventually("the errback", () => fixture.notes.includes(body!.id) || undefined);
  });

  await t.step("a member of a chord whose body is stored", async () => {
    const bodies = Array.from({ length: 100 }, () => task(sum, [], told));
    const record = await fixture.ended(
      chainOf([
        groupOf([task(fail), ...bodies.slice(1).map(() => task(add, [1, 1]))]),
        groupOf(bodies),
      ]),
    );
    assertEquals([record.state, record.exception?.exc_type], ["FAILURE", "ChordError"]);
    const last = record.tasks.slice(100);
    assertEquals(last.filter(({ state }) => state !== "FAILURE"), []);
    await eventually(
      "the errbacks of all",
      () => last.every(({ id }) => fixture.notes.includes(id)) || undefined,
    );
  });

  await t.step("the first step of a member that is a chain", async () => {
    const member = chainOf([task(fail), task(add, [1]), task(add, [1])]);
    const record = await fixture.ended(chord([member, task(add, [1, 1])], task(sum)));
    assertEquals(record.state, "FAILURE");
    assertEquals(record.exception?.exc_type, "ChordError");
  });

  await t.step("a step whose queue does not exist", async () => {
    const record = await fixture.ended(
      chainOf([
        task(add, [1, 1]),
        task({ name: "proj.far" }, [], { queue: "nowhere" }),
        task(list),
      ]),
    );
    assertEquals(record.tasks.map(({ state }) => state), ["SUCCESS", "FAILURE", "FAILURE"]);
    assertStringIncludes(String(record.exception?.exc_message[0]), "nowhere");
  });

  await t.step("a step whose exchange does not exist", async () => {
    const elsewhere = task({ name: "proj.far" }, [], { queue: "far", exchange: "other" });
    const record = await fixture.ended(chainOf([task(add, [1, 1]), elsewhere, task(list)]));
    assertEquals(record.tasks.map(({ state }) => state), ["SUCCESS", "FAILURE", "FAILURE"]);
    assertStringIncludes(String(record.exception?.exc_message[0]), "'other'");
  });

  await t.step("a revoked step", async () => {
    const { id, canvas } = await fixture.start(
      chainOf([task(add, [1, 1]), task(add, [1], { countdown: 3600 }), task(add, [1])]),
    );
    const [, second, third] = steps(canvas).map(({ options }) => options.taskId!);
    await eventually(
      "it waits in the outbox",
      async () => {
        const rows = await fixture.base.database.query(
          "select from celeriac.outbox where task_id = $1",
          [second!],
        );
        return rows.length === 1 || undefined;
      },
    );
    assert((await fixture.base.store.revoke(second!, "revoked")).revoked, `workflow ${id}`);
    assertEquals((await fixture.base.final(third!)).state, "REVOKED");
    assertEquals((await fixture.base.outbox.depth()).total, 0);
  });
});

Deno.test("rejects a workflow above the byte limit, and starts nothing", async () => {
  await using base = await startWorkerFixture([handle(add, ({ x, y }) => x + y)], {
    results: "django",
  });
  const { database, outbox, store } = base;
  const routes = new TaskRouter(new Registry([add]), []);
  const chords = new DjangoChords({ database });
  const workflows = new Workflows({ database, outbox, chords, store, origin: "gen1@test", routes });
  // Python workers need a copy in each member.
  const foreign = { name: "proj.add" };
  const group = (of: { name: string }) =>
    groupOf(Array.from({ length: 1500 }, () => task(of, [1, 1])));
  const canvas = chainOf([group(foreign), group(foreign)]);
  const start = (one: Canvas) =>
    workflows.start(newId(), identified(one, childIds("w", "workflow")));
  const refused = await assertRejects(() => start(canvas), WorkflowTooLarge, "67108864");
  assertEquals(toProblem(refused).status, 413);
  assertEquals((await outbox.depth()).total, 0);
  await start(chainOf([group(add), group(foreign)]));
  const [{ bytes }] = await database.query<{ bytes: number }>(
    "select sum(length(body::text))::float8 as bytes from celeriac.chord",
  ) as [{ bytes: number }];
  assert(bytes > 0 && bytes < 1500 * 600, `${bytes} bytes are stored`);
});

Deno.test("a follower whose queue is missing stays in the outbox until the queue exists", async () => {
  await using fixture = await createFixture();
  const { base } = fixture;
  const { canvas } = await fixture.start(
    chainOf([task(add, [1, 1]), task(add, [1], { queue: "celeriac.late" }), task(add, [1])]),
  );
  const [, second, third] = steps(canvas).map(({ options }) => options.taskId!);
  await eventually("an attempt to send it", async () => {
    const [row] = await base.database.query<{ error: string | null }>(
      "select last_error as error from celeriac.outbox where task_id = $1 and attempts > 0",
      [second!],
    );
    return row?.error?.includes("celeriac.late") || undefined;
  });
  assertEquals(await base.store.find(third!), undefined);
  await base.broker.declare(declarationFor("dev", ["celeriac.late"]));
  const late = await base.broker.consume("celeriac.late", (delivery) => {
    // Passed on to the queue that the worker consumes.
    const { message } = delivery;
    base.broker.publish({ ...message, exchange: "", routingKey: "celeriac.default" })
      .then(() => delivery.ack());
  }, { prefetch: 1 });
  assertEquals((await base.final(third!)).result, "4");
  await late.cancel();
});

Deno.test("Follower counts a chord member once, even with copies of its message", async () => {
  await using fixture = await createFixture();
  const { base, chords, runs } = fixture;
  const body = task(sum, [], { taskId: newId() });
  const [one, two] = [newId(), newId()];
  const group = newId();
  const options = { group, chord: toWire(body.signature) };
  await chords.open([{ id: group, members: [[[one, null], null], [[two, null], null]] }]);
  const first = () => base.submit("add", { x: 1, y: 1 }, { ...options, taskId: one });
  await first();
  await base.final(one);
  await Promise.all([first(), first(), first()]);
  await base.submit("add", { x: 2, y: 2 }, { ...options, taskId: two });
  assertEquals((await base.final(body.signature.options.taskId!)).result, "6");
  await Promise.all([first(), first()]);
  // A task sent after the copies ends after them: one queue, one worker.
  await base.final(await base.submit("add", { x: 0, y: 0 }));
  assertEquals(runs.filter((id) => id === one), [one]);
  assertEquals(runs.filter((id) => id === body.signature.options.taskId).length, 1);
});

Deno.test("Follower continues when a worker died between the record and the followers", async () => {
  await using fixture = await createFixture();
  const { base, chords } = fixture;
  const [id, next, group] = [newId(), newId(), newId()];
  const body = task(sum, [], { taskId: newId() });
  await chords.open([{ id: group, members: [[[id, null], null]] }]);
  // The state after a worker committed the record and died.
  await base.store.settle([{
    id,
    name: "add",
    queue: "celeriac.default",
    worker: "celeriac@dead",
    state: "SUCCESS",
    argsRepr: null,
    kwargsRepr: null,
    result: "40",
    exception: null,
    traceback: null,
    retries: 0,
    startedAt: null,
    next: null,
  }]);
  await base.submit("add", { x: 1, y: 1 }, {
    taskId: id,
    group,
    chord: toWire(body.signature),
    callbacks: [toWire(task(add, [2], { taskId: next }).signature)],
  });
  assertEquals((await base.final(next)).result, "42");
  assertEquals((await base.final(body.signature.options.taskId!)).result, "40");
});

Deno.test("Worker records the children of a task", async () => {
  await using fixture = await createFixture();
  const { canvas } = await fixture.start(
    chainOf([task(add, [1, 1]), groupOf([task(add, [1]), task(add, [2])])]),
  );
  const [first, ...members] = steps(canvas).map(({ options }) => options.taskId!);
  const { children } = await fixture.base.final(first!);
  assertEquals(children?.length, 1);
  assertEquals(children?.[0]?.[1]?.map(([[id]]) => id), members);
});

Deno.test("Worker dead-letters a task with malformed followers", async () => {
  await using fixture = await createFixture();
  const { base } = fixture;
  const id = await base.submit("add", { x: 1, y: 1 }, { callbacks: [{ args: [] }] });
  const { message } = await base.deadLetter();
  assertEquals(message.headers["celeriac-reason"], "malformed");
  assertEquals((await base.final(id)).state, "FAILURE");
});
