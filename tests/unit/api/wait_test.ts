import { assert, assertEquals } from "@std/assert";
import type { Delivery } from "../../../shared/broker/broker.ts";
import { encodeEvents } from "../../../shared/celery/event.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import { replyMessage } from "../../../shared/celery/result.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import type { State } from "../../../shared/results/result.ts";
import { EventHub } from "../../../api/reading/event_hub.ts";
import { createFixture, type Fixture } from "./fixture.ts";

const WAIT = { prefer: "respond-async, wait=20" };

/** Consumes the default queue by hand. */
function work(fixture: Fixture, onTask: (delivery: Delivery, id: string) => Promise<void>) {
  return fixture.broker.consume("celeriac.default", async (delivery) => {
    delivery.ack();
    await onTask(delivery, decodeTask(delivery.message).id);
  }, { prefetch: 10 });
}

async function reply(
  fixture: Fixture,
  { message }: Delivery,
  state: State,
  result: string | null,
): Promise<void> {
  const { id, replyTo } = decodeTask(message);
  const exception = state === "FAILURE"
    ? { exc_type: "ValueError", exc_message: ["boom"], exc_module: "builtins" }
    : null;
  const meta = { id, state, result, exception, traceback: null, finishedAt: new Date() };
  await fixture.broker.publish(replyMessage(meta, { replyTo: replyTo! }), { mandatory: false });
}

async function announce(fixture: Fixture, id: string): Promise<void> {
  const event = { type: "task-succeeded", id, name: "add", result: "3", runtime: 0 } as const;
  const node = { hostname: "celeriac@test", pid: 1, clock: () => 1 };
  await fixture.broker.publish(encodeEvents([{ event, timestamp: 1 }], node), { mandatory: false });
}

Deno.test("Prefer: wait returns the result from the worker's reply", async () => {
  await using fixture = await createFixture();
  await using _worker = await work(fixture, async (delivery) => {
    await reply(fixture, delivery, "STARTED", null);
    await reply(fixture, delivery, "SUCCESS", "[3]");
  });
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] }, WAIT);
  const record = await answer.json();
  assertEquals([answer.status, answer.headers.get("preference-applied")], [200, "wait=20"]);
  assertEquals([record.state, record.result, record.name, record.queue], [
    "SUCCESS",
    [3],
    "add",
    "celeriac.default",
  ]);
  assertEquals(answer.headers.get("location"), `/v1/tasks/${record.id}`);
  assert(Date.parse(record.finished_at) > 0);
  assertEquals(fixture.records.reads, 0);
});

Deno.test("Prefer: wait reads no store and receives no events if the reply comes soon", async () => {
  let subscriptions = 0;
  class CountingHub extends EventHub {
    override admit() {
      subscriptions++;
      return super.admit();
    }
  }
  const listen = () => Promise.reject(new Error("not used"));
  await using hub = new CountingHub({ broker: { listen } });
  await using fixture = await createFixture({}, { hub });
  await using _worker = await work(fixture, (delivery) => reply(fixture, delivery, "SUCCESS", "3"));
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => fixture.post("/v1/tasks/add", { args: [1, 2] }, WAIT)),
  );
  for (const answer of answers) assertEquals((await answer.json()).state, "SUCCESS");
  assertEquals([subscriptions, fixture.records.reads, fixture.records.polled], [0, 0, []]);
});

Deno.test("Prefer: wait returns the error of a failed task", async () => {
  await using fixture = await createFixture();
  await using _worker = await work(
    fixture,
    (delivery) => reply(fixture, delivery, "FAILURE", null),
  );
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] }, WAIT);
  const { state, error, result } = await answer.json();
  assertEquals([answer.status, state, result], [200, "FAILURE", null]);
  assertEquals(error, {
    name: null,
    message: "boom",
    stack: null,
    type: "ValueError",
    module: "builtins",
    args: ["boom"],
  });
});

Deno.test("Prefer: wait answers 202 on timeout", async () => {
  await using fixture = await createFixture({ maxWait: 0.05 });
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] }, WAIT);
  assertEquals([answer.status, (await answer.json()).state], [202, "PENDING"]);
  assertEquals((await fixture.published()).length, 1);
});

Deno.test("Prefer: wait polls the store without a reply or an event", async () => {
  await using fixture = await createFixture();
  await using _worker = await work(fixture, (_delivery, id) => {
    fixture.records.put({ id, state: "SUCCESS", result: "3" });
    return Promise.resolve();
  });
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] }, WAIT);
  assertEquals([answer.status, (await answer.json()).result], [200, 3]);
});

Deno.test("Prefer: wait watches a task that went through the outbox", async () => {
  await using fixture = await createFixture();
  const answering = fixture.post("/v1/tasks/add", {
    args: [1, 2],
    options: { countdown: 60, task_id: "later" },
  }, WAIT);
  fixture.records.put({ id: "later", state: "SUCCESS", result: "3" });
  const answer = await answering;
  assertEquals([answer.status, (await answer.json()).result], [200, 3]);
});

Deno.test("Prefer: wait works without a database", async () => {
  const down = () => Promise.reject(new DatabaseUnavailable("Cannot reach the database"));
  await using fixture = await createFixture({}, {
    store: { find: down, list: down, revoke: down, states: down, summaries: down },
  });
  const asked = Promise.withResolvers<Delivery>();
  await using _worker = await work(fixture, (delivery) => Promise.resolve(asked.resolve(delivery)));
  const answering = fixture.post("/v1/tasks/add", { args: [1, 2] }, WAIT);
  const delivery = await asked.promise;
  await announce(fixture, decodeTask(delivery.message).id);
  await reply(fixture, delivery, "SUCCESS", "3");
  const answer = await answering;
  assertEquals([answer.status, (await answer.json()).result], [200, 3]);
});

Deno.test("Prefer: wait does not wait for a result that is ignored", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks/silent", {}, WAIT);
  assertEquals([answer.status, answer.headers.get("preference-applied")], [202, null]);
  await answer.body?.cancel();
});

Deno.test("Prefer: wait ends when the caller disconnects", async () => {
  await using fixture = await createFixture();
  const caller = new AbortController();
  const answering = fixture.app.request(
    new Request("http://localhost/v1/tasks/add", {
      method: "POST",
      body: '{"args":[1,2]}',
      headers: { "content-type": "application/json", ...WAIT },
      signal: caller.signal,
    }),
  );
  caller.abort();
  const answer = await answering;
  assertEquals(answer.status, 202);
  await answer.body?.cancel();
});

Deno.test("Prefer: wait with a known Idempotency-Key waits for the first task", async () => {
  await using fixture = await createFixture();
  const headers = { "idempotency-key": "k" };
  const { id } = await (await fixture.post("/v1/tasks/add", { args: [1, 2] }, headers)).json();
  fixture.records.put({ id, state: "SUCCESS", result: "3" });
  const answer = await fixture.post("/v1/tasks/add", { args: [1, 2] }, { ...headers, ...WAIT });
  const record = await answer.json();
  assertEquals([answer.status, record.id, record.result], [200, id, 3]);
  assertEquals((await fixture.published()).length, 1);
});

Deno.test("POST /v1/tasks?wait= waits like Prefer: wait and takes precedence", async () => {
  await using fixture = await createFixture();
  await using _worker = await work(fixture, async (delivery) => {
    if (decodeTask(delivery.message).replyTo) await reply(fixture, delivery, "SUCCESS", "3");
  });
  for (const path of ["/v1/tasks/add", "/v1/tasks"]) {
    const body = { ...(path === "/v1/tasks" && { name: "add" }), args: [1, 2] };
    const answer = await fixture.post(`${path}?wait=20`, body, { prefer: "wait=1" });
    assertEquals([answer.status, (await answer.json()).result], [200, 3]);
    assertEquals(answer.headers.has("preference-applied"), false);
  }
  const now = await fixture.post("/v1/tasks/add?wait=0", { args: [1, 2] }, WAIT);
  assertEquals([now.status, now.headers.has("preference-applied")], [202, false]);
  const silent = await fixture.post("/v1/tasks/silent?wait=20", {});
  assertEquals([silent.status, (await silent.json()).state], [202, "PENDING"]);
});

Deno.test("POST rejects an unknown query parameter before it publishes", async () => {
  await using fixture = await createFixture();
  const cases: [string, string][] = [
    ["/v1/tasks/add?wiat=5", "wiat"],
    ["/v1/tasks/add?wait=soon", "wait"],
    ["/v1/tasks/add?wait=1&wait=2", "wait"],
    ["/v1/tasks?wait=-1", "wait"],
    ["/v1/tasks:batch?wait=5", "wait"],
    ["/v1/tasks:batch?x=5", "x"],
    ["/v1/workflows?wait=1e9", "wait"],
  ];
  for (const [path, field] of cases) {
    const answer = await fixture.post(path, { name: "add", args: [1, 2] });
    const { errors } = await answer.json();
    assertEquals([answer.status, errors[0].field], [422, field], path);
  }
  assertEquals(await fixture.published(), []);
  assertEquals(fixture.workflows.started.size, 0);
});
