import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { QueueSurvey } from "../../../api/reading/queue_survey.ts";
import type { QueueMeasure } from "../../../shared/broker/broker.ts";
import { BrokerUnavailable } from "../../../shared/errors.ts";
import { bearer, fixtureFor } from "./access/keys.ts";
import { createFixture } from "./fixture.ts";
import { startWorker } from "./remote_worker.ts";

Deno.test("GET /v1/workers lists the workers that reply, and what they run", async () => {
  await using fixture = await createFixture();
  await using _ = await startWorker(fixture, "w1@host");
  const answer = await fixture.app.request("/v1/workers");
  const { at, workers } = await answer.json();
  assert(Date.parse(at) > 0);
  assertEquals(answer.headers.get("cache-control"), "no-store");
  assertEquals(workers, [{
    name: "w1@host",
    pid: 7,
    uptime: 90,
    concurrency: 8,
    prefetch: 16,
    received: 7,
    queues: ["celeriac.text", "celery"],
    running: [
      { id: "a", name: "add", queue: "q", started_at: "2023-11-14T22:13:20.000Z" },
      { id: "b", name: "text.shout", queue: "q", started_at: null },
    ],
  }]);
  assertEquals((await fixture.app.request("/v1/workers?name=w1")).status, 422);
});

Deno.test("GET /v1/queues counts the queues of contracts and of other systems", async () => {
  await using fixture = await createFixture({ foreignQueues: ["celery", "gone"] });
  await fixture.post("/v1/tasks/add", { kwargs: { x: 1, y: 2 } });
  await fixture.post("/v1/tasks/add", { kwargs: { x: 1, y: 2 } });
  const consumer = await fixture.broker.consume("celeriac.text", () => {}, { prefetch: 1 });
  const { at, queues } = await (await fixture.app.request("/v1/queues")).json();
  await consumer.close();
  assert(Date.parse(at) > 0);
  const problem = "the broker has no such queue";
  assertEquals(queues, [
    { name: "celeriac.default", ready: 2, consumers: 0, problem: null },
    { name: "celeriac.text", ready: 0, consumers: 1, problem: null },
    { name: "celery", ready: 0, consumers: 0, problem: null },
    { name: "gone", ready: null, consumers: null, problem },
  ]);
});

Deno.test("GET /v1/queues answers 503 when the broker is away", async () => {
  await using fixture = await createFixture();
  await fixture.broker.stop();
  const answer = await fixture.app.request("/v1/queues");
  assertEquals(answer.status, 503);
  assertStringIncludes((await answer.json()).detail, "Cannot count the messages of queues");
});

Deno.test("a limited caller sees its own queues and running tasks only", async () => {
  const { fixture, token } = await fixtureFor({ tasks: ["text.*"], queues: ["celeriac.*", "q"] });
  await using _fixture = fixture;
  await using _worker = await startWorker(fixture, "w1@host");
  const get = async (path: string) =>
    await (await fixture.app.request(path, { headers: bearer(token) })).json();
  const { queues } = await get("/v1/queues");
  assertEquals(queues.map(({ name }: { name: string }) => name), [
    "celeriac.default",
    "celeriac.text",
  ]);
  const { workers } = await get("/v1/workers");
  assertEquals(workers[0].running.map(({ name }: { name: string }) => name), ["text.shout"]);
});

Deno.test("QueueSurvey.read() counts all queues, and keeps those that it may not read", async () => {
  const names = Array.from({ length: 20 }, (_, place) => `q${place}`);
  let now = 0;
  let most = 0;
  const measure = async (queue: string): Promise<QueueMeasure> => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    if (queue === "q3") throw new BrokerUnavailable("Cannot count 'q3' because access is refused");
    return { ready: Number(queue.slice(1)), consumers: 1 };
  };
  const broker = { status: { state: "connected" as const }, measure };
  const found = await new QueueSurvey({ broker, queues: names }).read();
  assertEquals(found.length, 20);
  assertEquals(most, 8);
  assertEquals(found.find(({ name }) => name === "q3"), {
    name: "q3",
    ready: null,
    consumers: null,
    problem: "Cannot count 'q3' because access is refused",
  });
  assertEquals(found.find(({ name }) => name === "q17")!.ready, 17);
});

Deno.test("QueueSurvey.read() ends in time when the broker does not answer", async () => {
  const broker = {
    status: { state: "connected" as const },
    measure: () => new Promise<QueueMeasure>(() => {}),
  };
  const survey = new QueueSurvey({ broker, queues: ["q"], deadlineMs: 10 });
  await assertRejects(() => survey.read(), BrokerUnavailable, "does not answer");
});
