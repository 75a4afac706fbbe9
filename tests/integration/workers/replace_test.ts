/** Context, submissions and replacements of handlers, inline and in a child process. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { v7 as newId } from "uuid";
import { chainOf, groupOf } from "../../../shared/celery/canvas.ts";
import { type Canvas, identified, type Step, steps } from "../../../shared/celery/canvas_tree.ts";
import { childIds } from "../../../shared/celery/child_id.ts";
import { decodeEvents, type ReceivedEvent } from "../../../shared/celery/event.ts";
import { type SignatureOptions, toWire } from "../../../shared/celery/signature.ts";
import {
  chain,
  chord,
  defineTask,
  group,
  signature,
  type WorkflowNode,
  z,
} from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { NativeChords } from "../../../shared/workflows/chords.ts";
import { isFinal } from "../../../shared/results/result.ts";
import { TaskRouter } from "../../../shared/outbox/task_router.ts";
import { Workflows } from "../../../shared/workflows/store.ts";
import { handle } from "../../../workers/handlers.ts";
import * as app from "../../app/handlers.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

const add = defineTask({
  name: "add",
  input: z.object({ x: z.number(), y: z.number() }),
  output: z.number(),
});
const sum = defineTask({
  name: "sum",
  input: z.object({ numbers: z.array(z.number()) }),
  output: z.number(),
});
const note = defineTask({ name: "note", input: z.object({ what: z.unknown() }) });
const fail = defineTask({ name: "fail", input: z.object({ given: z.unknown().optional() }) });
const countdown = defineTask({ name: "countdown", input: z.object({ n: z.int() }) });
const swap = defineTask({ name: "swap", input: z.object({ x: z.number(), y: z.number() }) });

/** Sends both kinds. */
const KINDS = ["test.send", "test.send_process"] as const;

async function createFixture() {
  const notes: unknown[] = [];
  const runs: string[] = [];
  const handlers = [
    handle(add, ({ x, y }, { id }) => {
      runs.push(id);
      return x + y;
    }),
    handle(sum, ({ numbers }) => numbers.reduce((total, number) => total + number, 0)),
    handle(note, ({ what }) => void notes.push(what)),
    handle(fail, () => {
      throw new RangeError("boom");
    }),
    handle(
      countdown,
      ({ n }, { replace, attempt }) =>
        n === 0 ? attempt : replace(signature(countdown, { n: n - 1 })),
    ),
    handle(swap, ({ x, y }, { replace }) => replace(signature(add, { x, y }))),
    app.requestHandler,
    app.requestProcessHandler,
    app.sendHandler,
    app.sendProcessHandler,
    app.sendConfinedHandler,
  ];
  const base = await startWorkerFixture(handlers);
  const { database, outbox, store } = base;
  const routes = new TaskRouter(new Registry(handlers.map(({ contract }) => contract)), []);
  const chords = new NativeChords({ database });
  const workflows = new Workflows({ database, outbox, chords, store, origin: "gen1@test", routes });
  return {
    base,
    notes,
    runs,
    /** Runs a canvas to its end. */
    async ended(canvas: Canvas) {
      const id = newId();
      const fixed = identified(canvas, childIds(id, "workflow"));
      await workflows.start(id, fixed);
      const record = await eventually(`the end of workflow ${id}`, async () => {
        const record = await workflows.find(id);
        return record && isFinal(record.state) ? record : undefined;
      });
      return { record, ids: steps(fixed).map(({ options }) => options.taskId!) };
    },
    [Symbol.asyncDispose]: () => base[Symbol.asyncDispose](),
  };
}

function task(
  name: string,
  args: unknown[],
  options: SignatureOptions = {},
  kwargs: Record<string, unknown> = {},
): Step {
  return { kind: "task", signature: { task: name, args, kwargs, options } };
}

const x = (n: number, y: number) => signature(add, { x: n, y });

Deno.test("the context holds the message's values, inline and in a child", async () => {
  await using fixture = await createFixture();
  const { base } = fixture;
  const eta = new Date(Date.now() - 60_000);
  const expires = new Date(Date.now() + 3600_000);
  for (const name of ["test.request", "test.request_process"]) {
    const id = await base.submit(name, {}, {
      rootId: "root",
      parentId: "parent",
      group: "group",
      priority: 4,
      eta,
      expires,
      timeLimit: 60,
      softTimeLimit: 50,
      headers: { "x-tenant": "a", big: 2n ** 60n, raw: new Uint8Array([1, 2]) },
    });
    const { state, result, exception } = await base.final(id);
    assertEquals([state, exception], ["SUCCESS", null], name);
    assertEquals(JSON.parse(result!), {
      rootId: "root",
      parentId: "parent",
      groupId: "group",
      priority: 4,
      timeLimit: { soft: 50, hard: 60 },
      properties: { correlationId: id, replyTo: null },
      headers: [
        ["x-tenant", "string", "a"],
        ["big", "bigint", String(2n ** 60n)],
        ["raw", "object", "1,2"],
      ],
      eta: eta.toISOString(),
      expires: expires.toISOString(),
    }, name);
  }
});

Deno.test("a follower keeps its x- headers, and watchers receive its sent event", async () => {
  await using fixture = await createFixture();
  const { base } = fixture;
  const heard: ReceivedEvent[] = [];
  const subscription = await base.broker.listen("celeryev", (message) => {
    heard.push(...decodeEvents(message));
  }, { keys: ["#"] });
  const follower = task("test.request", [], { headers: { "x-tenant": "b" } });
  const immutable = { ...follower, signature: { ...follower.signature, immutable: true } };
  const { record, ids } = await fixture.ended(chainOf([task("add", [1, 1]), immutable]));
  assertEquals(JSON.parse(record.result!).headers, [["x-tenant", "string", "b"]]);
  const sent = await eventually(
    "task-sent",
    () => heard.find(({ type, uuid }) => type === "task-sent" && uuid === ids[1]),
  );
  assertEquals([sent.name, sent.parent_id, sent.queue], [
    "test.request",
    ids[0],
    "celeriac.default",
  ]);
  await subscription.cancel();
});

Deno.test("context.submit() sends the same ids in each run", async (t) => {
  await using fixture = await createFixture();
  const { base, runs } = fixture;
  for (const name of KINDS) {
    await t.step(`${name}: once, in three runs of the handler`, async () => {
      const id = await base.submit(name, { work: x(2, 3), failures: 2 });
      const { state, result, retries, children } = await base.final(id);
      assertEquals([state, retries], ["SUCCESS", 2]);
      const sent = JSON.parse(result!) as { id: string; tasks: string[] };
      assertEquals(sent.tasks, [sent.id]);
      assertEquals(children, [[[sent.id, null], null]]);
      assertEquals((await base.final(sent.id)).result, "5");
      assertEquals(runs.filter((one) => one === sent.id), [sent.id]);
    });

    await t.step(`${name}: a workflow`, async () => {
      const work = chain(
        x(1, 1),
        group(signature(add, { y: 1 }), signature(add, { y: 2 })),
        signature(sum),
      );
      const { result } = await base.final(await base.submit(name, { work }));
      const sent = JSON.parse(result!) as { id: string; tasks: string[] };
      assertEquals(sent.tasks.length, 4);
      assertEquals((await base.final(sent.id)).result, "7");
    });

    await t.step(`${name}: by a key`, async () => {
      const ids = new Set<string>();
      const taskId = newId();
      const { result } = await base.final(
        await base.submit(name, { work: x(1, 1), key: "invoice" }, { taskId }),
      );
      ids.add(JSON.parse(result!).id);
      assertEquals([...ids], [childIds(taskId, "submit key invoice")()]);
    });

    await t.step(`${name}: rejects invalid arguments`, async () => {
      const work = { name: "add", kwargs: { x: 1 } };
      const { exception } = await base.final(
        await base.submit(name, { work }, { retries: 4 }),
      );
      assertStringIncludes(String(exception?.exc_message[0]), "kwargs.y");
      const odd = await base.final(
        await base.submit(name, { work: { nmae: "add" } }, { retries: 4 }),
      );
      assertStringIncludes(String(odd.exception?.exc_message[0]), "no task, chain");
    });
  }

  await t.step("not from a child process without permission", async () => {
    for (const replace of [false, true]) {
      const id = await base.submit("test.send_confined", { work: x(1, 1), replace });
      const { state, exception } = await base.final(id);
      assertEquals(state, "FAILURE");
      assertStringIncludes(String(exception?.exc_message[0]), "submits: true");
    }
  });
});

Deno.test("context.replace() replaces the task", async (t) => {
  await using fixture = await createFixture();
  const { base, notes } = fixture;
  const shapes: [string, WorkflowNode, unknown][] = [
    ["a task", x(2, 3), 5],
    ["a chain", chain(x(2, 3), signature(add, { y: 1 })), 6],
    ["a group", group(x(1, 1), x(2, 2)), [2, 4]],
    [
      "a chain that ends in a group",
      chain(x(1, 1), group(signature(add, { y: 1 }), signature(add, { y: 2 }))),
      [3, 4],
    ],
    ["a chord", chord([x(1, 1), x(2, 2)], signature(sum)), 6],
  ];
  for (const name of KINDS) {
    for (const [shape, work, expected] of shapes) {
      await t.step(`${name}: ${shape}`, async () => {
        const id = await base.submit(name, { work, replace: true });
        const { state, result, exception } = await base.final(id);
        assertEquals([state, exception], ["SUCCESS", null]);
        assertEquals(JSON.parse(result!), expected);
      });
    }
  }
  const replaced = (work: WorkflowNode) => task("test.send", [], {}, { work, replace: true });

  await t.step("callbacks and errbacks move to the replacement", async () => {
    const link = { callbacks: [toWire(task("note", []).signature)] };
    await base.submit("test.send", {
      work: chain(x(2, 3), signature(add, { y: 95 })),
      replace: true,
    }, link);
    await eventually("the callback", () => notes.includes(100) || undefined);
    const links = { errbacks: [toWire(task("note", []).signature)] };
    const id = await base.submit("test.send", { work: signature(fail), replace: true }, links);
    await eventually("the errback", () => notes.includes(id) || undefined);
    assertEquals((await base.final(id)).exception?.exc_message, ["boom"]);
  });

  await t.step("in a chain: the rest follows", async () => {
    const work = chain(x(2, 3), signature(add, { y: 1 }));
    const { record } = await fixture.ended(
      chainOf([task("add", [1, 1]), {
        ...replaced(work),
        signature: { ...replaced(work).signature, immutable: true },
      }, task("add", [10])]),
    );
    assertEquals([record.state, record.result], ["SUCCESS", "16"]);
  });

  await t.step("in a chain: the rest ends with its failure", async () => {
    const work = chain(signature(fail), signature(add, { y: 1 }));
    const { record } = await fixture.ended(chainOf([replaced(work), task("add", [10])]));
    assertEquals(record.tasks.map(({ state }) => state), ["FAILURE", "FAILURE"]);
    assertEquals(record.exception?.exc_message, ["boom"]);
  });

  await t.step("in a group and in a chord's header", async () => {
    const work = chord([x(1, 1), x(2, 2)], signature(sum));
    const members = () => [replaced(work), task("add", [1, 1]), replaced(x(40, 2))];
    const { record } = await fixture.ended(groupOf(members()));
    assertEquals(JSON.parse(record.result!), [6, 2, 42]);
    const whole = await fixture.ended({ kind: "chord", header: members(), body: task("sum", []) });
    assertEquals(whole.record.result, "50");
    const failing = await fixture.ended({
      kind: "chord",
      header: [replaced(chain(signature(fail), signature(add, { y: 1 }))), task("add", [1, 1])],
      body: task("sum", []),
    });
    assertEquals(failing.record.exception?.exc_type, "ChordError");
  });

  await t.step("repeatedly, without using up attempts", async () => {
    const { state, result } = await base.final(await base.submit("countdown", { n: 6 }));
    assertEquals([state, result], ["SUCCESS", "1"]);
  });

  await t.step("not within a map", async () => {
    const kwargs = { task: { task: "swap" }, it: [[1, 1]] };
    const { record } = await fixture.ended(task("celery.starmap", [], {}, kwargs));
    assertEquals(record.state, "FAILURE");
    assert(String(record.exception?.exc_message[0]).includes("within a map"));
  });
});
