import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { encodeRequest, encodeRevoke } from "../../../shared/celery/control.ts";
import { decodeEvents, EVENT_EXCHANGE, type ReceivedEvent } from "../../../shared/celery/event.ts";
import { InvalidInput } from "../../../shared/errors.ts";
import { requestReplies } from "../../../shared/celery/control_client.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { declarationFor } from "../../../shared/broker/topology.ts";
import { handle } from "../../../workers/handlers.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture, type WorkerFixture } from "../../support/worker_fixture.ts";

const quick = defineTask({ name: "quick", input: z.object({ n: z.number().default(0) }) });
const quickHandler = handle(quick, ({ n }) => n);
const limited = defineTask({ name: "limited", input: z.object({}), rateLimit: "5/s" });

const waiting = defineTask({ name: "waiting", input: z.object({}) });
const waitingHandler = handle(waiting, (_input, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  }));

async function ask(fixture: WorkerFixture, method: string, given: Record<string, unknown> = {}) {
  const { node } = fixture.worker;
  const question = { method, arguments: given, destination: [node] };
  const answers = await requestReplies(fixture.broker, question, { timeoutMs: 30_000 });
  assertEquals(Object.keys(answers), [node]);
  return answers[node];
}

function hear(fixture: WorkerFixture): Promise<ReceivedEvent[]> {
  const heard: ReceivedEvent[] = [];
  const take = (message: Parameters<typeof decodeEvents>[0]) =>
    heard.push(...decodeEvents(message));
  return fixture.broker.listen(EVENT_EXCHANGE, take, { keys: ["#"] }).then(() => heard);
}

Deno.test("Control answers valid commands and explains invalid ones", async () => {
  await using fixture = await startWorkerFixture([quickHandler]);
  assertEquals(await ask(fixture, "ping"), { ok: "pong" });
  assertEquals(await ask(fixture, "dump_tasks"), ["quick"]);
  assertEquals(await ask(fixture, "heartbeat"), null);
  const errors = [
    await ask(fixture, "pong"),
    await ask(fixture, "rate_limit", { task_name: "quik", rate_limit: "1/s" }),
    await ask(fixture, "rate_limit", { task_name: "quick", rate_limit: "often" }),
    await ask(fixture, "rate_limit"),
    await ask(fixture, "time_limit", { task_name: "quick", hard: -1 }),
    await ask(fixture, "revoke", { task_id: [1] }),
    await ask(fixture, "pool_shrink", { n: 1000 }),
    await ask(fixture, "add_consumer", { queue: "celeriac.dead" }),
    await ask(fixture, "autoscale", { max: 3, min: 1 }),
  ] as { error: string }[];
  assertEquals(errors.map(({ error }) => error), [
    "Cannot run 'pong' because there is no such command: did you mean 'ping'?",
    "unknown task 'quik': did you mean 'quick'?",
    "Cannot use 'often' as a rate limit because it is not of the form '10/s', '10/m' or '10/h': use that form, or 0 for no limit",
    "Cannot run 'rate_limit' because its argument 'task_name' is not a text: give 'task_name'",
    "Cannot run 'time_limit' because its argument 'hard' is not a number above 0: give 'hard'",
    "Cannot run 'revoke' because its argument 'task_id' is not a text or a list of them: give 'task_id'",
    "Cannot change the concurrency from 32 to -968 because it must be a whole number from 1 to 10000: give another 'n'",
    "Cannot consume from queue 'celeriac.dead' because it holds the dead letters: name another",
    "Cannot autoscale because this worker's concurrency is fixed: use pool_grow and pool_shrink, or scale the number of workers",
  ]);
});

Deno.test("Control survives replies to missing exchanges and queues", async () => {
  await using fixture = await startWorkerFixture([quickHandler]);
  const body = {
    method: "ping",
    ticket: "t",
    reply_to: { exchange: "no.such.exchange", routing_key: "k" },
  };
  const message = {
    exchange: "celery.pidbox",
    routingKey: "",
    properties: { contentType: "application/json" },
    headers: {},
  };
  for (const text of [JSON.stringify(body), "no JSON", "[]", '{"method": 1}']) {
    await fixture.broker.publish({ ...message, body: new TextEncoder().encode(text) });
  }
  assertEquals(await ask(fixture, "ping"), { ok: "pong" });
  assertEquals((await fixture.final(await fixture.submit("quick", { n: 7 }))).result, "7");
});

Deno.test("Control shows what is active, reserved and scheduled", async () => {
  await using fixture = await startWorkerFixture([waitingHandler, quickHandler], {
    concurrency: "1",
    grace: "0",
  });
  await ask(fixture, "rate_limit", { task_name: "quick", rate_limit: "1/h" });
  const standing = async (id: string) => {
    const found = await ask(fixture, "query_task", { ids: [id] }) as Record<
      string,
      [string, unknown]
    >;
    return found[id]?.[0];
  };
  const stands = (id: string, expected: string) =>
    eventually(`${id} is ${expected}`, async () => await standing(id) === expected);
  const active = await fixture.submit("waiting", {});
  await stands(active, "active");
  const reserved = await fixture.submit("waiting", {});
  await stands(reserved, "reserved");
  await fixture.submit("quick", { n: 1 }); // the one turn that there is
  const scheduled = await fixture.submit("quick", { n: 2 });
  await stands(scheduled, "scheduled");
  assertEquals(await standing("unknown"), undefined);
  const [task] = await ask(fixture, "active", { safe: true }) as Record<string, unknown>[];
  assertEquals([task?.["id"], task?.["name"], task?.["args"]], [active, "waiting", "()"]);
  assert(Math.abs(Number(task?.["time_start"]) - Date.now() / 1000) < 60);
  const [later] = await ask(fixture, "scheduled") as { eta: string; request: { id: string } }[];
  assertEquals(later?.request.id, scheduled);
  const inSeconds = (Date.parse(later?.eta ?? "") - Date.now()) / 1000;
  assert(inSeconds > 3000 && inSeconds <= 3600, `${inSeconds}`);
});

Deno.test("Control revokes tasks that are rate-limited or running", async () => {
  await using fixture = await startWorkerFixture([waitingHandler, quickHandler], { grace: "0" });
  const events = await hear(fixture);
  await ask(fixture, "rate_limit", { task_name: "quick", rate_limit: "1/h" });
  await fixture.final(await fixture.submit("quick", {}));
  const held = await fixture.submit("quick", {});
  const running = await fixture.submit("waiting", {});
  await eventually("one is held, one runs", async () => {
    const found = await ask(fixture, "query_task", { ids: [held, running] }) as Record<
      string,
      [string]
    >;
    return found[held]?.[0] === "scheduled" && found[running]?.[0] === "active";
  });
  assertEquals(await ask(fixture, "revoke", { task_id: held }), {
    ok: `tasks {'${held}'} flagged as revoked`,
  });
  assertEquals((await fixture.final(held)).state, "REVOKED");
  const ended = await ask(fixture, "revoke", { task_id: [running], terminate: 1 }); // as Flower says it
  assertEquals(ended, { ok: `terminate: ${running}` });
  const record = await fixture.final(running);
  assertEquals([record.state, record.exception?.exc_message], ["REVOKED", ["terminated"]]);
  assertEquals(await ask(fixture, "terminate", { task_id: "gone", signal: "SIGKILL" }), {
    ok: "terminate: tasks unknown",
  });
  assertEquals(await ask(fixture, "revoked"), [held, running, "gone"]);
  const revoked = await eventually("both events", () => {
    const found = events.filter(({ type }) => type === "task-revoked");
    return found.length === 2 && found;
  });
  assertEquals(revoked.map(({ uuid, terminated }) => [uuid, terminated]), [
    [held, false],
    [running, true],
  ]);
});

Deno.test("Control revokes tasks in the outbox immediately, and leaves running tasks unchanged", async () => {
  await using fixture = await startWorkerFixture([waitingHandler, quickHandler], { grace: "0" });
  const revokes = await hear(fixture);
  await fixture.beside([waitingHandler, quickHandler]);
  const later = await fixture.submit("quick", { n: 1 }, { countdown: 3600 });
  const running = await fixture.submit("waiting", {});
  await eventually("STARTED", async () => (await fixture.store.find(running))?.state === "STARTED");
  await fixture.broker.publish(encodeRevoke([later, running, "never seen"]), { mandatory: false });
  const { state, exception } = await fixture.final(later);
  assertEquals([state, exception?.exc_message], ["REVOKED", ["revoked"]]);
  await eventually("an empty outbox", async () => (await fixture.outbox.depth()).total === 0);
  assertEquals((await fixture.store.find(running))?.state, "STARTED");
  assertEquals(await fixture.store.find("never seen"), undefined);
  const told = () => revokes.filter(({ type }) => type === "task-revoked").map(({ uuid }) => uuid);
  await eventually("an event", () => told().length > 0);
  assertEquals(told(), [later]);
});

for (const results of ["native", "django"] as const) {
  const waiters = (fixture: WorkerFixture) =>
    fixture.database.query<{ id: string }>("select task_id as id from celeriac.outbox");

  Deno.test(`Outbox immediately sends a message that is added after its revoke (${results})`, async () => {
    await using fixture = await startWorkerFixture([quickHandler], { results });
    const id = "revoked before";
    await fixture.store.revoke(id, "revoked");
    await fixture.submit("quick", { n: 1 }, { taskId: id, countdown: 3600 });
    const other = await fixture.submit("quick", { n: 2 }, { countdown: 3600 });
    await eventually("one message left", async () => (await waiters(fixture)).length === 1);
    assertEquals(await waiters(fixture), [{ id: other }]);
    assertEquals((await fixture.store.find(id))?.state, "REVOKED");
  });

  Deno.test(`Control revokes stamped tasks in the outbox (${results})`, async () => {
    await using fixture = await startWorkerFixture([quickHandler], { results });
    const submit = (stamps?: Record<string, string | string[]>) =>
      fixture.submit("quick", { n: 1 }, { countdown: 3600, ...(stamps && { stamps }) });
    const revoked = [
      await submit({ tenant: "a" }),
      await submit({ tenant: ["x", "b"], other: "c" }),
    ];
    const kept = [
      await submit({ tenant: "c" }),
      await submit({ other: "a" }),
      await submit({ tenant: "\u0000" }),
      await submit(),
    ];
    await ask(fixture, "revoke_by_stamped_headers", { headers: { tenant: ["a", "b"] } });
    for (const id of revoked) {
      const { state, exception } = await fixture.final(id);
      assertEquals([state, exception?.exc_message], ["REVOKED", ["revoked"]]);
    }
    await eventually(
      "the others left",
      async () => (await waiters(fixture)).length === kept.length,
    );
    assertEquals((await waiters(fixture)).map(({ id }) => id).sort(), kept.sort());
  });
}

Deno.test("Control revokes tasks by their stamps", async () => {
  await using fixture = await startWorkerFixture([waitingHandler], { grace: "0" });
  const id = await fixture.submit("waiting", {}, { stamps: { tenant: "a" } });
  const other = await fixture.submit("waiting", {}, { stamps: { tenant: "b" } });
  const activeIds = async () =>
    (await ask(fixture, "active") as { id: string }[]).map((task) => task.id);
  await eventually("both run", async () => (await activeIds()).length === 2);
  const revoke = (headers: unknown, terminate = true) =>
    ask(fixture, "revoke_by_stamped_headers", { headers, terminate });
  assertEquals(await revoke({ tenant: ["c"] }), {
    ok: "headers {'tenant': ['c']} were not terminated",
  });
  assertEquals(await revoke({ tenant: ["a"] }), { ok: "headers {'tenant': ['a']} revoked" });
  assertEquals((await fixture.final(id)).state, "REVOKED");
  assertEquals(await activeIds(), [other]);
  // As `celery control revoke_by_stamped_headers tenant=b` sends it.
  assertEquals(await revoke(["tenant=b"], false), {
    ok: "headers {'tenant': 'b'} flagged as revoked, but not terminated",
  });
  const late = await fixture.submit("waiting", {}, { stamps: { tenant: ["b", "c"] } });
  assertEquals((await fixture.final(late)).state, "REVOKED");
  for (const wrong of [null, "tenant", ["tenant"], ["=b"], [1], 5]) {
    const { error } = await revoke(wrong) as { error: string };
    assertMatch(error, /'headers' is neither an object nor a list of 'name=value' texts/);
  }
});

Deno.test("a rate limit of the contract or of control spaces the starts of a task", async () => {
  const starts: number[] = [];
  const handler = handle(limited, () => void starts.push(performance.now()));
  await using fixture = await startWorkerFixture([handler]);
  assertEquals(await ask(fixture, "registered"), ["limited [rate_limit=5/s]"]);
  const taskinfoitems = [
    "queue",
    "ignore_result",
    "max_retries",
    "time_limit",
    "routing_key",
    "_x",
  ];
  assertEquals(await ask(fixture, "registered", { taskinfoitems }), [
    "limited [queue=celeriac.default ignore_result=False max_retries=0 routing_key=celeriac.default]",
  ]);
  let began = 0;
  const run = async (count: number) => {
    starts.length = 0;
    began = performance.now();
    const ids = await Promise.all(
      Array.from({ length: count }, () => fixture.submit("limited", {})),
    );
    for (const id of ids) await fixture.final(id);
  };
  /** From before the first start: one that was held up on its way does not shorten it. */
  const took = (count: number, interval: number) => {
    assertEquals(starts.length, count);
    const ms = (starts.at(-1) ?? 0) - began;
    assert(ms >= (count - 1) * interval * 0.99, `${ms} ms`);
  };
  await run(6);
  took(6, 200);
  const faster = { task_name: "limited", rate_limit: "20/s" };
  assertEquals(await ask(fixture, "rate_limit", faster), { ok: "new rate limit set successfully" });
  await run(21);
  took(21, 50);
  assertEquals(await ask(fixture, "rate_limit", { task_name: "limited", rate_limit: 0 }), {
    ok: "rate limit disabled successfully",
  });
  await run(50);
  took(50, 0);
});

Deno.test("time limits set by control apply to later attempts", async () => {
  await using fixture = await startWorkerFixture([waitingHandler]);
  const given = { task_name: "waiting", soft: null, hard: 0.2 };
  assertEquals(await ask(fixture, "time_limit", given), { ok: "time limits set successfully" });
  const { exception } = await fixture.final(await fixture.submit("waiting", {}));
  assertEquals([exception?.exc_type, exception?.exc_message], ["TimeLimitExceeded", [0.2]]);
});

Deno.test("Control adds and removes queues without losing unacked deliveries", async () => {
  await using fixture = await startWorkerFixture([quickHandler]);
  const more = "celeriac.more";
  await fixture.broker.declare(declarationFor("dev", [more]));
  assertEquals(await ask(fixture, "add_consumer", { queue: more }), { ok: `add consumer ${more}` });
  const names = async () =>
    (await ask(fixture, "active_queues") as { name: string }[]).map(({ name }) => name);
  assertEquals(await names(), ["celeriac.default", more]);
  assertEquals(
    (await fixture.final(await fixture.submit("quick", { n: 3 }, { queue: more }))).result,
    "3",
  );
  const ids = await Promise.all(
    Array.from({ length: 100 }, (_, n) => fixture.submit("quick", { n }, { queue: more })),
  );
  assertEquals(await ask(fixture, "cancel_consumer", { queue: more }), {
    ok: `no longer consuming from ${more}`,
  });
  assertEquals(await names(), ["celeriac.default"]);
  const left = await fixture.submit("quick", { n: 4 }, { queue: more });
  assertEquals(await ask(fixture, "query_task", { ids: [left] }), {});
  await ask(fixture, "add_consumer", { queue: more });
  for (const id of [...ids, left]) assertEquals((await fixture.final(id)).state, "SUCCESS");
});

Deno.test("add_consumer declares a missing queue with Celery's binding", async () => {
  await using fixture = await startWorkerFixture([quickHandler]);
  const run = async (destination: { exchange: string; routingKey: string }, queue: string) => {
    const id = await fixture.submit("quick", { n: 3 }, { ...destination, queue });
    assertEquals((await fixture.final(id)).result, "3");
  };
  await ask(fixture, "add_consumer", { queue: "celeriac.new" });
  await run({ exchange: "celeriac", routingKey: "celeriac.new" }, "celeriac.new");
  assertEquals(await ask(fixture, "add_consumer", { queue: "emails" }), {
    ok: "add consumer emails",
  });
  await run({ exchange: "", routingKey: "emails" }, "emails");
  const topic = { queue: "news", exchange: "world", exchange_type: "topic", routing_key: "eu.#" };
  await ask(fixture, "add_consumer", topic);
  const event = { exchange: "world", routingKey: "eu.at.vienna" };
  const headers = { task: "quick", id: crypto.randomUUID(), lang: "js" };
  const body = new TextEncoder().encode("[[], {}, {}]");
  const properties = { contentType: "application/json" };
  await fixture.broker.publish({ ...event, properties, headers, body });
  assertEquals((await fixture.final(headers.id)).result, "0");
  const wrong = { queue: "other", exchange: "x", exchange_type: "x-delayed-message" };
  const { error } = await ask(fixture, "add_consumer", wrong) as { error: string };
  assertMatch(error, /'x-delayed-message' is not an exchange type: use direct, topic/);
});

Deno.test("Control ignores messages from outside the control exchange", async () => {
  await using fixture = await startWorkerFixture([quickHandler]);
  const { node } = fixture.worker;
  let stopped = false;
  fixture.worker.askedToStop.then(() => stopped = true);
  const shutdown = encodeRequest({ method: "shutdown" });
  await fixture.broker.publish({ ...shutdown, exchange: "", routingKey: `${node}.celery.pidbox` });
  assertEquals(await ask(fixture, "ping"), { ok: "pong" }); // the queue is in order
  assertEquals(stopped, false);
});

Deno.test("CELERIAC_REMOTE_CONTROL=inspect rejects every command that changes state", async () => {
  await using fixture = await startWorkerFixture([quickHandler], { remoteControl: "inspect" });
  assertEquals(await ask(fixture, "ping"), { ok: "pong" });
  assertEquals(await ask(fixture, "active"), []);
  const changing = ["revoke", "terminate", "rate_limit", "pool_shrink", "cancel_consumer", "hello"];
  for (const method of [...changing, "enable_events", "shutdown", "revoke_by_stamped_headers"]) {
    assertEquals(await ask(fixture, method, { task_id: "a", revoked: ["a"] }), {
      error:
        `Cannot run '${method}' because this worker only answers inspection commands: set CELERIAC_REMOTE_CONTROL=all`,
    });
  }
  assertEquals(await ask(fixture, "revoked"), []);
});

Deno.test("CELERIAC_REMOTE_CONTROL=off: a worker has no control queue and answers nothing", async () => {
  await using fixture = await startWorkerFixture([quickHandler], { remoteControl: "off" });
  assertEquals(await requestReplies(fixture.broker, { method: "ping" }, { timeoutMs: 1000 }), {});
  assertEquals((await fixture.final(await fixture.submit("quick", { n: 1 }))).result, "1");
});

Deno.test("pool_grow and pool_shrink change concurrency and prefetch under load", async () => {
  await using fixture = await startWorkerFixture([quickHandler, waitingHandler], {
    concurrency: "2",
    prefetchFactor: "4",
    grace: "0",
  });
  const stats = async () => {
    const { pool, prefetch_count } = await ask(fixture, "stats") as {
      pool: { "max-concurrency": number };
      prefetch_count: number;
    };
    return [pool["max-concurrency"], prefetch_count];
  };
  const active = async () => (await ask(fixture, "active") as unknown[]).length;
  assertEquals(await stats(), [2, 8]);
  for (let i = 0; i < 4; i++) await fixture.submit("waiting", {});
  await eventually("two run", async () => await active() === 2);
  assertEquals(await ask(fixture, "pool_grow", { n: 3 }), { ok: "pool will grow" });
  assertEquals(await stats(), [5, 20]);
  await eventually("four run", async () => await active() === 4);
  const ids = await Promise.all(
    Array.from({ length: 50 }, (_, n) => fixture.submit("quick", { n })),
  );
  assertEquals(await ask(fixture, "pool_grow"), { ok: "pool will grow" });
  assertEquals(await ask(fixture, "pool_shrink"), { ok: "pool will shrink" });
  for (const id of ids) assertEquals((await fixture.final(id)).state, "SUCCESS");
  assertEquals(await stats(), [5, 20]);
});

Deno.test("a worker sends online, heartbeat and offline events, and task events while they are enabled", async () => {
  const fixture = await startWorkerFixture([quickHandler]);
  await using rest = new AsyncDisposableStack();
  rest.defer(() => fixture[Symbol.asyncDispose]());
  const events = await hear(fixture);
  const types = () => events.map(({ type }) => type);
  const told = (type: string, count = 1) =>
    eventually(`${count} of ${type}`, () => types().filter((one) => one === type).length >= count);
  await ask(fixture, "heartbeat");
  await told("worker-heartbeat");
  assertEquals(await ask(fixture, "enable_events"), { ok: "task events already enabled" });
  assertEquals(await ask(fixture, "disable_events"), { ok: "task events disabled" });
  await fixture.final(await fixture.submit("quick", {}));
  assertEquals(await ask(fixture, "enable_events"), { ok: "task events enabled" });
  await eventually("task events", async () => {
    await fixture.final(await fixture.submit("quick", {}));
    return types().includes("task-succeeded");
  });
  await fixture.worker.stop();
  await told("worker-offline");
  assertEquals(types().at(-1), "worker-offline");
  const clocks = events.map(({ clock }) => Number(clock));
  assertEquals(clocks, clocks.toSorted((a, b) => a - b));
  const last = events.at(-1);
  assertEquals([last?.["freq"], last?.["active"], last?.["sw_ident"]], [5, 0, "celeriac"]);
  assert(Number(last?.["processed"]) >= 2);
});

Deno.test("workers exchange their revoked ids when one starts", async () => {
  await using fixture = await startWorkerFixture([quickHandler]);
  await ask(fixture, "revoke", { task_id: "mine" });
  const told = await ask(fixture, "hello", { from_node: "celery@b", revoked: ["theirs"] }) as {
    revoked: string[];
    clock: number;
  };
  assertEquals(told.revoked, ["mine"]);
  assert(Number.isInteger(told.clock));
  await ask(fixture, "hello", { from_node: "celery@old", revoked: { older: [5.5, "older"] } });
  assertEquals(
    await ask(fixture, "hello", { from_node: fixture.worker.node, revoked: null }),
    null,
  );
  assertEquals(await ask(fixture, "revoked"), ["mine", "theirs", "older"]);
  const id = await fixture.submit("quick", {}, { taskId: "theirs" });
  assertEquals((await fixture.final(id)).state, "REVOKED");
});

Deno.test("a worker rejects the node name of another worker", async () => {
  await using fixture = await startWorkerFixture([quickHandler], { node: "celeriac@taken" });
  const queue = "celeriac@taken.celery.pidbox";
  await assertRejects(
    () => fixture.broker.listen("celery.pidbox", () => {}, { keys: [""], queue }),
    InvalidInput,
    "another connection uses that name",
  );
});

Deno.test("a worker confirms a shutdown command, and stats contain no secret", async () => {
  await using fixture = await startWorkerFixture([quickHandler]);
  for (const method of ["stats", "conf", "report"]) {
    const text = JSON.stringify(await ask(fixture, method));
    assert(!/guest:guest|password/.test(text), text);
  }
  assertMatch(JSON.stringify(await ask(fixture, "conf")), /"broker_url":/);
  await requestReplies(fixture.broker, { method: "shutdown" }, { timeoutMs: 100 });
  await fixture.worker.askedToStop;
});
