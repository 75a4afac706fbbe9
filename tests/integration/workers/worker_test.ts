import { setTimeout as delay } from "node:timers/promises";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Message } from "../../../shared/broker/message.ts";
import { encodeRevoke } from "../../../shared/celery/control.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import { defineTask, Reject, Retry, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/handlers.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

const add = defineTask({
  name: "add",
  input: z.object({ x: z.number(), y: z.number() }),
  output: z.number(),
});
const addHandler = handle(add, ({ x, y }) => x + y);

function text(body: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(body));
}

function byHand(
  parts: { headers?: Message["headers"]; body?: string; contentType?: string },
): Message {
  return {
    exchange: "",
    routingKey: "celeriac.default",
    properties: { contentType: parts.contentType ?? "application/json", contentEncoding: "utf-8" },
    headers: parts.headers ?? {},
    body: new TextEncoder().encode(parts.body ?? "[[], {}, {}]"),
  };
}

Deno.test("Worker runs a task and stores its result, by name and by position", async () => {
  await using fixture = await startWorkerFixture([addHandler]);
  const byName = await fixture.final(await fixture.submit("add", { x: 2, y: 3 }));
  assertEquals(
    [byName.state, byName.result, byName.name, byName.queue, byName.worker, byName.retries],
    ["SUCCESS", "5", "add", "celeriac.default", fixture.worker.node, 0],
  );
  assert(byName.startedAt && byName.finishedAt);
  const byPosition = await fixture.final(await fixture.submit("add", {}, { args: [2, 40] }));
  assertEquals(byPosition.result, "42");
});

Deno.test("Worker continues after its queue was deleted with unacked deliveries and declared again", async () => {
  const opened = Promise.withResolvers<void>();
  const wait = defineTask({ name: "wait", input: z.object({}) });
  let held = 0;
  const holding = handle(wait, async () => {
    held++;
    await opened.promise;
  });
  const flags = { concurrency: "4", prefetchFactor: "1", consumerIdleTimeout: "1" };
  await using fixture = await startWorkerFixture([addHandler, holding], flags);
  const waits = [];
  for (let index = 0; index < 4; index++) waits.push(await fixture.submit("wait", {}));
  await eventually("a full hand", () => held === 4);
  await fixture.replaceQueue("celeriac.default");
  opened.resolve();
  for (const id of waits) assertEquals((await fixture.final(id)).state, "SUCCESS");
  const ids = [];
  for (let index = 0; index < 10; index++) {
    ids.push(await fixture.submit("add", { x: index, y: 1 }));
  }
  for (const [index, id] of ids.entries()) {
    assertEquals((await fixture.final(id)).result, `${index + 1}`);
  }
});

Deno.test("Worker does not exceed its prefetch by renewing consumers during long tasks", async () => {
  const opened = Promise.withResolvers<void>();
  const wait = defineTask({ name: "wait", input: z.object({}) });
  const holding = handle(wait, () => opened.promise);
  await using fixture = await startWorkerFixture([holding], {
    concurrency: "2",
    prefetchFactor: "1",
    consumerIdleTimeout: "1",
  });
  const waits = [];
  const inHand = [];
  for (let index = 0; index < 6; index++) {
    waits.push(await fixture.submit("wait", {}));
    // Longer than a consumer may be quiet: one that could take more is renewed.
    await delay(1500);
    const metrics = await (await fixture.worker.health().request("/metrics")).text();
    inHand.push(Number(/^celeriac_deliveries_unacked (\d+)/m.exec(metrics)?.[1]));
  }
  // What a retired consumer holds, short of the prefetch, and the prefetch of its successor.
  assert(inHand.every((count) => count < 2 * 2), `in hand: ${inHand.join(", ")}`);
  opened.resolve();
  for (const id of waits) assertEquals((await fixture.final(id)).state, "SUCCESS");
});

Deno.test("Worker runs a message with only the headers task and id", async () => {
  await using fixture = await startWorkerFixture([addHandler]);
  await fixture.broker.publish(
    byHand({ headers: { task: "add", id: "by-hand" }, body: '[[1], {"y": 1}, {}]' }),
  );
  assertEquals((await fixture.final("by-hand")).result, "2");
});

Deno.test("Worker dead-letters invalid messages with the reason, and stays up", async (t) => {
  const refusing = defineTask({ name: "refuse", input: z.object({}) });
  await using fixture = await startWorkerFixture([
    addHandler,
    handle(refusing, () => {
      throw new Reject("not today");
    }),
  ]);
  const cases: [string, Message, { reason: string; id?: string; detail: string; type?: string }][] =
    [
      [
        "pickle",
        byHand({
          headers: { task: "add", id: "p" },
          contentType: "application/x-python-serialize",
          body: "\x80\x04.",
        }),
        {
          reason: "content-type",
          id: "p",
          detail: "application/x-python-serialize",
        },
      ],
      ["no headers", byHand({}), { reason: "malformed", detail: "" }],
      ["not JSON", byHand({ headers: { task: "add", id: "j" }, body: "[[1, 2" }), {
        reason: "malformed",
        id: "j",
        detail: "",
      }],
      ["a body of two", byHand({ headers: { task: "add", id: "b" }, body: "[[1], {}]" }), {
        reason: "malformed",
        id: "b",
        detail: "",
      }],
      ["an unknown task", byHand({ headers: { task: "no.such", id: "u" } }), {
        reason: "unknown-task",
        id: "u",
        detail: "no.such",
        type: "NotRegistered",
      }],
      [
        "an input that does not fit",
        byHand({ headers: { task: "add", id: "i" }, body: '[["2", 3], {}, {}]' }),
        {
          reason: "invalid-input",
          id: "i",
          detail: "args.0",
        },
      ],
      ["a handler that rejects", byHand({ headers: { task: "refuse", id: "r" } }), {
        reason: "rejected",
        id: "r",
        detail: "not today",
        type: "Reject",
      }],
    ];
  for (const [name, message, { reason, id, detail, type }] of cases) {
    await t.step(name, async () => {
      await fixture.broker.publish(message);
      const { headers, body } = (await fixture.deadLetter()).message;
      assertEquals(headers["celeriac-reason"], reason);
      assertEquals(headers["celeriac-queue"], "celeriac.default");
      assertStringIncludes(String(headers["celeriac-detail"]), detail);
      assertEquals(body, message.body);
      if (id === undefined) return;
      const record = await fixture.final(id);
      assertEquals(record.state, "FAILURE");
      if (type) assertEquals(record.exception?.exc_type, type);
    });
  }
  assertEquals((await fixture.final(await fixture.submit("add", { x: 1, y: 1 }))).state, "SUCCESS");
});

Deno.test("Worker fails tasks whose message it cannot send again or dead-letter as a whole", async (t) => {
  const flaky = defineTask({ name: "flaky", input: z.object({}), retry: true });
  await using fixture = await startWorkerFixture([
    handle(flaky, () => {
      throw new Error("not this time");
    }),
  ]);
  const id = () => crypto.randomUUID();
  // So many that the message can come, and a copy with more headers cannot go.
  const note = "a".repeat(65_420);
  const eta = new Date(Date.now() + 3_600_000).toISOString();
  const cases: [string, Message["headers"] & { id: string }, string][] = [
    ["another attempt", { task: "flaky", id: id(), note }, "unsendable"],
    ["what comes too early", { task: "flaky", id: id(), eta, note }, "unsendable"],
    ["an unknown task", { task: "no.such", id: id(), note }, "unknown-task"],
  ];
  for (const [name, headers, reason] of cases) {
    await t.step(name, async () => {
      await fixture.broker.publish(byHand({ headers }));
      const { message } = await fixture.deadLetter();
      const { id, task, note } = message.headers;
      assertEquals([id, task, note], [headers.id, String(headers["task"]), undefined]);
      assertEquals(message.headers["celeriac-reason"], reason);
      assertEquals((await fixture.final(headers.id)).state, "FAILURE");
      assertEquals((await fixture.outbox.depth()).total, 0);
    });
  }
  await t.step("a too long task name", async () => {
    const headers = { task: note, id: id() };
    await fixture.broker.publish(byHand({ headers }));
    assertEquals((await fixture.final(headers.id)).state, "FAILURE");
  });
});

Deno.test("Worker retries through the outbox, and fails when no attempt is left", async () => {
  const attempts: number[] = [];
  const flaky = defineTask({
    name: "flaky",
    input: z.object({ until: z.number() }),
    retry: { maxAttempts: 3, base: 0.05 },
  });
  await using fixture = await startWorkerFixture([handle(flaky, ({ until }, { attempt }) => {
    attempts.push(attempt);
    if (attempt < until) throw new RangeError(`attempt ${attempt}`);
    return attempt;
  })]);
  const good = await fixture.final(await fixture.submit("flaky", { until: 3 }));
  assertEquals([good.state, good.result, good.retries], ["SUCCESS", "3", 2]);
  const bad = await fixture.final(await fixture.submit("flaky", { until: 9 }));
  assertEquals([bad.state, bad.retries, bad.exception?.exc_message], ["FAILURE", 2, ["attempt 3"]]);
  assertStringIncludes(bad.traceback ?? "", "worker_test.ts");
  assertEquals(attempts, [1, 2, 3, 1, 2, 3]);
  assertEquals((await fixture.outbox.depth()).total, 0);
});

Deno.test("Worker records RETRY until the next attempt, and respects the countdown of Retry", async () => {
  const asking = defineTask({ name: "ask", input: z.object({}) });
  await using fixture = await startWorkerFixture([handle(asking, (_, { attempt }) => {
    if (attempt === 1) throw new Retry("later", { countdown: 2 });
    return attempt;
  })]);
  const id = await fixture.submit("ask", {});
  const waiting = await eventually("RETRY", async () => {
    const record = await fixture.store.find(id);
    return record?.state === "RETRY" && record;
  });
  assertEquals([waiting.retries, waiting.exception?.exc_type], [1, "Retry"]);
  const record = await fixture.final(id);
  assertEquals(record.state, "SUCCESS");
  assert(record.startedAt!.getTime() - waiting.updatedAt.getTime() >= 1950, "not before its time");
});

Deno.test("Worker records STARTED and PROGRESS while a handler runs", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = defineTask({ name: "slow", input: z.object({}) });
  await using fixture = await startWorkerFixture([handle(slow, async (_, { progress }) => {
    await gates[0]!.promise;
    progress({ done: 1, of: 2 });
    await gates[1]!.promise;
    return "done";
  })]);
  const id = await fixture.submit("slow", {});
  const state = (wanted: string) =>
    eventually(wanted, async () => {
      const record = await fixture.store.find(id);
      return record?.state === wanted && record;
    });
  assertEquals((await state("STARTED")).worker, fixture.worker.node);
  gates[0]!.resolve();
  assertEquals((await state("PROGRESS")).result, '{"done":1,"of":2}');
  gates[1]!.resolve();
  assertEquals((await fixture.final(id)).result, '"done"');
});

Deno.test("Worker does not run revoked, expired or final tasks", async () => {
  let runs = 0;
  const counted = defineTask({ name: "count", input: z.object({}) });
  await using fixture = await startWorkerFixture([handle(counted, () => ++runs)]);

  await fixture.store.revoke("revoked-before", "revoked");
  await fixture.submit("count", {}, { taskId: "revoked-before" });
  await fixture.broker.publish(encodeRevoke(["revoked-by-word"]), { mandatory: false });
  const expired = await fixture.final(
    await fixture.submit("count", {}, { expires: new Date(Date.now() - 1000) }),
  );
  assertEquals([expired.state, expired.exception?.exc_message], ["REVOKED", ["expired"]]);
  await fixture.submit("count", {}, { taskId: "revoked-by-word" });
  assertEquals((await fixture.final("revoked-by-word")).state, "REVOKED");
  assertEquals((await fixture.final("revoked-before")).state, "REVOKED");
  assertEquals(runs, 0);

  const id = await fixture.submit("count", {});
  assertEquals((await fixture.final(id)).result, "1");
  await fixture.submit("count", {}, { taskId: id });
  await fixture.submit("count", {}, { taskId: "after-the-copy" });
  assertEquals((await fixture.final("after-the-copy")).result, "2");
  assertEquals((await fixture.final(id)).result, "1");
});

Deno.test("Worker does not run a task revoked while it waited for a slot, even if the broadcast was lost", async () => {
  const holding = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const hold = defineTask({ name: "hold", input: z.object({}) });
  let runs = 0;
  const counted = defineTask({ name: "count", input: z.object({}) });
  await using fixture = await startWorkerFixture(
    [
      handle(hold, () => {
        holding.resolve();
        return opened.promise;
      }),
      handle(counted, () => ++runs),
    ],
    { concurrency: "1" },
  );
  await fixture.submit("hold", {});
  await holding.promise;
  const id = await fixture.submit("count", {});
  await eventually("both in hand", async () => {
    const metrics = await (await fixture.worker.health().request("/metrics")).text();
    return metrics.includes("celeriac_deliveries_unacked 2");
  });
  // Long enough that what was read of it when it came no longer counts.
  await delay(1500);
  assertEquals((await fixture.store.revoke(id, "revoked")).revoked, true);
  opened.resolve();
  assertEquals((await fixture.final(await fixture.submit("count", {}))).state, "SUCCESS");
  assertEquals([(await fixture.final(id)).state, runs], ["REVOKED", 1]);
});

Deno.test("Worker delays early tasks through the outbox, and holds those that are almost due", async () => {
  await using fixture = await startWorkerFixture([addHandler]);
  const start = Date.now();
  const eta = new Date(start + 1500).toISOString().replace("Z", "000+00:00");
  await fixture.broker.publish(
    byHand({ headers: { task: "add", id: "later", eta }, body: "[[1, 1], {}, {}]" }),
  );
  await eventually(
    "an entry in the outbox",
    async () => (await fixture.outbox.depth()).total === 1,
  );
  const later = await fixture.final("later");
  assert(later.startedAt!.getTime() >= start + 1500, "not before its time");
  const soon = new Date(Date.now() + 300);
  await fixture.submit("add", { x: 1, y: 1 }, { taskId: "soon", eta: soon });
  assert((await fixture.final("soon")).startedAt!.getTime() >= soon.getTime());
});

Deno.test("Worker keeps no record of a task that ignores its result", async () => {
  let runs = 0;
  const silent = defineTask({ name: "silent", input: z.object({}), ignoreResult: true });
  await using fixture = await startWorkerFixture([handle(silent, () => ++runs), addHandler]);
  const id = await fixture.submit("silent", {});
  await eventually("a run", () => runs === 1);
  const ignored = await fixture.submit("add", { x: 1, y: 1 }, { ignoreResult: true });
  await fixture.final(await fixture.submit("add", { x: 1, y: 1 }));
  assertEquals(await fixture.store.find(id), undefined);
  assertEquals(await fixture.store.find(ignored), undefined);
});

Deno.test("Worker ends pending inline handlers at the hard limit, and aborts their signal at the soft one", async () => {
  const forever = defineTask({
    name: "forever",
    input: z.object({}),
    timeLimit: { soft: 0.1, hard: 0.3 },
  });
  const soft = { input: z.object({}), timeLimit: { soft: 0.1 } };
  const obedient = defineTask({ name: "obedient", ...soft });
  const library = defineTask({ name: "library", ...soft });
  await using fixture = await startWorkerFixture([
    handle(forever, () => new Promise<never>(() => {})),
    handle(library, (_, { signal }) => delay(60_000, undefined, { signal })),
    handle(
      obedient,
      (_, { signal }) =>
        new Promise<never>((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        ),
    ),
  ]);
  const hard = await fixture.final(await fixture.submit("forever", {}));
  assertEquals([hard.state, hard.exception?.exc_type, hard.exception?.exc_message], [
    "FAILURE",
    "TimeLimitExceeded",
    [0.3],
  ]);
  for (const name of ["obedient", "library"]) {
    const { state, exception } = await fixture.final(await fixture.submit(name, {}));
    assertEquals([state, exception?.exc_type], ["FAILURE", "SoftTimeLimitExceeded"]);
  }
});

Deno.test("a stopping Worker lets running handlers finish, and requeues the rest without using up an attempt", async () => {
  const gate = Promise.withResolvers<void>();
  const started: string[] = [];
  const slow = defineTask({ name: "slow", input: z.object({}) });
  await using fixture = await startWorkerFixture([handle(slow, async (_, { id, attempt }) => {
    started.push(id);
    await gate.promise;
    return attempt;
  })], { concurrency: "2" });
  const ids = [];
  for (let i = 0; i < 6; i++) ids.push(await fixture.submit("slow", {}));
  await eventually("two runs", () => started.length === 2);
  const stopped = fixture.worker.stop();
  gate.resolve();
  await stopped;
  assertEquals(started.length, 2);
  for (const id of started) assertEquals((await fixture.store.find(id))?.state, "SUCCESS");

  const back: unknown[] = [];
  await fixture.broker.consume(
    "celeriac.default",
    ({ message }) => void back.push(decodeTask(message).retries),
    { prefetch: 10 },
  );
  await eventually("four given back", () => back.length === 4);
  assertEquals(back, [0, 0, 0, 0]);
});

Deno.test("Worker.hurry() abandons running tasks: their deliveries are requeued, their records not final", async () => {
  let reason: unknown;
  const stuck = defineTask({ name: "stuck", input: z.object({}) });
  await using fixture = await startWorkerFixture([handle(stuck, (_, { signal }) => {
    signal.addEventListener("abort", () => reason = signal.reason);
    return new Promise<never>(() => {});
  })]);
  const id = await fixture.submit("stuck", {});
  await eventually("STARTED", async () => (await fixture.store.find(id))?.state === "STARTED");
  const stopped = fixture.worker.stop();
  fixture.worker.hurry();
  await stopped;
  assertEquals((reason as Error).name, "Stopping");
  assertEquals((await fixture.store.find(id))?.state, "STARTED");
  let back = 0;
  await fixture.broker.consume("celeriac.default", () => void back++, { prefetch: 10 });
  await eventually("the delivery", () => back === 1);
});

Deno.test("Worker replies to the caller, also for a copy of a finished task", async () => {
  await using fixture = await startWorkerFixture([addHandler]);
  const ask = async () => {
    const answer = Promise.withResolvers<unknown>();
    const signal = AbortSignal.timeout(60_000);
    await fixture.broker.publish({
      ...byHand({ headers: { task: "add", id: "asked" }, body: "[[4, 5], {}, {}]" }),
      properties: {
        contentType: "application/json",
        contentEncoding: "utf-8",
        correlationId: "asked",
      },
    }, { reply: { signal, receive: ({ body }) => answer.resolve(text(body)) } });
    return await answer.promise as { status: string; result: unknown; task_id: string };
  };
  for (const _ of ["first", "copy"]) {
    const { status, result, task_id } = await ask();
    assertEquals([status, result, task_id], ["SUCCESS", 9, "asked"]);
  }
});

Deno.test("Worker stores the schedule's name in Django's table", async () => {
  await using fixture = await startWorkerFixture([addHandler], { results: "django" });
  const headers = { task: "add", id: "tick", periodic_task_name: "nightly" };
  await fixture.broker.publish(byHand({ headers, body: "[[2, 3], {}, {}]" }));
  assertEquals((await fixture.final("tick")).state, "SUCCESS");
  const row =
    "select periodic_task_name as name from django_celery_results_taskresult where task_id = $1";
  assertEquals(await fixture.database.query(row, ["tick"]), [{ name: "nightly" }]);
});

Deno.test("Worker awaits a returned query, and fails a result that JSON would lose", async () => {
  const query = {
    then(resolve: (rows: unknown) => void) {
      resolve([{ id: 1 }]);
    },
  };
  const results: Record<string, unknown> = {
    query,
    nested: { rows: Promise.resolve([]) },
    map: { tags: new Map([["a", 1]]) },
  };
  const give = defineTask({ name: "give", input: z.object({ what: z.string() }) });
  await using fixture = await startWorkerFixture([handle(give, ({ what }) => results[what])]);
  const outcome = async (what: string) => {
    const { result, exception } = await fixture.final(await fixture.submit("give", { what }));
    return result ?? exception?.exc_message[0];
  };
  assertEquals(await outcome("query"), '[{"id":1}]');
  assertEquals(
    await outcome("nested"),
    "Cannot write 'rows' as JSON because it is a promise, or a query, that was not awaited: await it",
  );
  assertEquals(
    await outcome("map"),
    "Cannot write 'tags' as JSON because it is a Map: give an object, such as Object.fromEntries(map)",
  );
});
