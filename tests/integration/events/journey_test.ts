/** Events through API, RabbitMQ, beat, worker and Postgres. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { eventTaskId } from "../../../shared/events/event_key.ts";
import { countedEvents } from "../../support/counted_events.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, type Pipeline } from "../../support/pipeline.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { publishRaw, rawChannel } from "../../support/raw_amqp.ts";
import { startApi, startBeat, startDev, startWorker, testApp } from "../../support/roles.ts";

/** The response of `POST /v1/events`. */
interface Accepted {
  readonly key: string;
  readonly via: string;
  readonly subscriptions: readonly string[];
  readonly tasks: readonly { subscription: string; id: string }[];
}

interface Fixture extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly url: string;
  readonly folder: string;
  /** Reads a counter of beat. */
  count(outcome: string): Promise<number>;
}

async function open(): Promise<Fixture> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const pipeline = stack.use(await freshPipeline());
  const { api, url } = await startApi(pipeline);
  stack.use(api);
  const { beat, health } = await startBeat(pipeline);
  stack.use(beat);
  const permissions = [`--allow-read=${folder}`, `--allow-write=${folder}`];
  stack.use(await startWorker({ env: pipeline.env, permissions }));
  const count = (outcome: string) => countedEvents(health, outcome);
  const owned = stack.move();
  return { pipeline, url, folder, count, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function post(url: string, event: unknown, headers: Record<string, string> = {}) {
  return fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(event),
  });
}

async function recorded(url: string, key: string) {
  return await eventually(`event ${key}`, async () => {
    const answer = await fetch(`${url}/v1/events/${key}`);
    const body = await answer.json();
    return answer.status === 200 && body;
  });
}

Deno.test("an event becomes a task of each subscription", async (t) => {
  await using fixture = await open();
  const { pipeline, url, folder } = fixture;

  await t.step(
    "POST /v1/events names the tasks, which run and are in the event's record",
    async () => {
      const answer = await post(url, { type: "test.eu.happened", data: { value: 17 } });
      assertEquals(answer.status, 202);
      const { key, via, subscriptions, tasks }: Accepted = await answer.json();
      assertEquals([via, subscriptions], ["broker", ["test-echo"]]);
      const id = eventTaskId(key, "test-echo");
      assertEquals(tasks, [{ subscription: "test-echo", id }]);
      const { state, result } = await pipeline.final(id);
      assertEquals([state, result], ["SUCCESS", 17]);
      const record = await recorded(url, key);
      assertEquals([record.tasks, record.event.data], [tasks, { value: 17 }]);
      const task = await (await fetch(`${url}/v1/tasks/${id}`)).json();
      assertEquals(task.name, "test.echo");
    },
  );

  await t.step("the same event 100 times at once becomes one set of tasks", async () => {
    const file = join(folder, "runs");
    const event = {
      ...{ specversion: "1.0", id: "same", source: "/test", type: "test.eu.happened" },
      ...{ time: new Date().toISOString(), tenant: "counted", data: { value: file } },
    };
    const answers = await Promise.all(Array.from({ length: 100 }, () => post(url, event)));
    const accepted: Accepted[] = await Promise.all(answers.map((answer) => answer.json()));
    assertEquals(answers.map(({ status }) => status), answers.map(() => 202));
    assertEquals(new Set(accepted.map(({ key }) => key)).size, 1);
    const { key, tasks } = accepted[0]!;
    assertEquals(tasks.map(({ subscription }) => subscription), ["test-count", "test-echo"]);
    for (const { id } of tasks) assertEquals((await pipeline.final(id)).state, "SUCCESS");
    const record = await recorded(url, key);
    assertEquals(record.tasks.length, 2);
    await eventually("99 duplicates", async () => await fixture.count("duplicate") >= 99);
    assertEquals([await fixture.count("duplicate"), await fixture.count("dispatched")], [99, 2]);
    const { events } = await (await fetch(`${url}/v1/events`)).json();
    assertEquals(events.length, 2);
    assertEquals(await Deno.readTextFile(file), "same\n");
  });

  await t.step("an event that SQL publishes becomes the same tasks", async () => {
    const [{ key = "" } = {}] = await pipeline.rows<{ key: string }>(
      `select celeriac.publish('test.eu.happened', '{"value": "from SQL"}') as key`,
    );
    const { result } = await pipeline.final(eventTaskId(key, "test-echo"));
    assertEquals(result, "from SQL");
    assertEquals((await recorded(url, key)).event.source, "/celeriac");
  });

  await t.step("a batch with one wrong event publishes nothing and names it", async () => {
    const one = (id: string, data: unknown) => ({
      ...{ specversion: "1.0", id, source: "/test", type: "test.eu.happened", data },
    });
    const batch = [one("a", { value: 1 }), one("b", { value: 2 }), one("c", "no object")];
    const headers = { "content-type": "application/cloudevents-batch+json" };
    const refused = await post(url, batch, headers);
    const problem = await refused.json();
    assertEquals([refused.status, problem.errors?.[0]?.field], [422, "[2].data"]);
    assertStringIncludes(problem.detail, "test.eu.happened");
    // The events behind it show that none of the batch was in the queue.
    const later: Accepted = await (await post(url, one("later", { value: 3 }))).json();
    await recorded(url, later.key);
    const { events } = await (await fetch(`${url}/v1/events`)).json();
    assertEquals(events.length, 4);
    const accepted: Accepted[] = await (await post(url, batch.slice(0, 2), headers)).json();
    for (const { key } of accepted) await recorded(url, key);
  });
});

Deno.test("the inbox keeps events while beat has no database, and a malformed event is a dead letter", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using proxy = TcpProxy.of(pipeline.database.url);
  const { beat } = await startBeat({
    env: { ...pipeline.env, DATABASE_URL: proxy.through(pipeline.database.url) },
  });
  await using _beat = beat;
  const publish = async (value: unknown): Promise<Accepted> =>
    await (await post(url, { type: "test.eu.happened", data: { value } })).json();
  const before = await publish("before");
  await recorded(url, before.key);

  proxy.swallow("to server", "to client");
  const during = await Promise.all(Array.from({ length: 20 }, (_, value) => publish(value)));
  assertEquals(during.map(({ via }) => via), during.map(() => "broker"));
  await using amqp = await rawChannel(pipeline.vhost.url);
  const malformed = { body: new TextEncoder().encode("no event"), options: { persistent: true } };
  await publishRaw(amqp, "event.celeriac", "test.eu.happened", [malformed]);
  const held = await amqp.channel.checkQueue("inbox.celeriac");
  const { events } = await (await fetch(`${url}/v1/events`)).json();
  assertEquals([events.length, held.consumerCount <= 1], [1, true]);

  proxy.pass();
  for (const { key, tasks } of during) {
    assertEquals((await recorded(url, key)).tasks, tasks);
  }
  const letter = await eventually("the dead letter", async () => {
    const { dead_letters: [found] } = await (await fetch(`${url}/v1/dead-letters`)).json();
    return found;
  });
  assertEquals([letter.reason, letter.queue, letter.task_id], [
    "malformed",
    "inbox.celeriac",
    null,
  ]);
  await eventually(
    "an empty inbox",
    async () => (await amqp.channel.checkQueue("inbox.celeriac")).messageCount === 0,
  );
});

Deno.test("only the tasks of a subscriber's full queue wait in the outbox", async () => {
  await using pipeline = await freshPipeline();
  const env = { ...pipeline.env, CELERIAC_FOREIGN_QUEUES: "full" };
  await using amqp = await rawChannel(pipeline.vhost.url);
  const limits = { "x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish" };
  await amqp.channel.assertQueue("full", { durable: true, arguments: limits });
  const { api, url } = await startApi({ env });
  await using _api = api;
  const { beat } = await startBeat({ env });
  await using _beat = beat;
  const subscription = {
    ...{ name: "full", patterns: ["test.#"], task: "shop.mail", queue: "full" },
    args: { value: "/data/value" },
  };
  const added = await fetch(`${url}/v1/subscriptions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(subscription),
  });
  assertEquals(added.status, 201, await added.text());
  const keys: string[] = [];
  for (const value of [1, 2, 3]) {
    const accepted: Accepted =
      await (await post(url, { type: "test.eu.happened", data: { value } }))
        .json();
    assertEquals(accepted.subscriptions, ["full", "test-echo"]);
    keys.push(accepted.key);
    assertEquals((await recorded(url, accepted.key)).tasks.length, 2);
  }
  const waiting = await pipeline.rows<{ task_id: string }>("select task_id from celeriac.outbox");
  const mails = keys.map((key) => eventTaskId(key, "full"));
  assertEquals(waiting.map(({ task_id }) => task_id).sort(), mails.slice(1).sort());
  const received: string[] = [];
  await amqp.channel.consume("full", (message) => {
    if (message) received.push(String(message.properties.headers?.["id"]));
  }, { noAck: true });
  await eventually("all tasks of the full queue", () => Promise.resolve(received.length >= 3));
  assertEquals(received.toSorted(), mails.toSorted());
});

Deno.test("the embedded mode makes tasks of events and calls onEach()", async () => {
  const { dev, url } = await startDev({ env: { ...testApp, CELERIAC_EPHEMERAL: "1" } });
  await using _dev = dev;
  const answer = await post(url, { type: "test.eu.happened", data: { value: "embedded" } });
  const { key, tasks: [task] }: Accepted = await answer.json();
  const record = await (await fetch(`${url}/v1/tasks/${task!.id}?wait=30`)).json();
  assertEquals([record.state, record.result], ["SUCCESS", "embedded"]);
  assertEquals((await recorded(url, key)).tasks, [task]);
  await dev.said(/heard \{"value":"embedded"\}/);
});

Deno.test("onEach() runs in every worker while beat has no database, and its errors stop none", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  await using proxy = TcpProxy.of(pipeline.database.url);
  proxy.swallow("to server", "to client");
  const { beat } = await startBeat({
    env: { ...pipeline.env, DATABASE_URL: proxy.through(pipeline.database.url) },
  });
  await using _beat = beat;
  const env = (name: string) => ({ env: { ...pipeline.env, CELERIAC_NODE: name } });
  await using one = await startWorker(env("one@test"));
  await using two = await startWorker(env("two@test"));
  const publish = async (value: unknown, tenant: string) => {
    const answer = await post(url, { type: "test.eu.happened", tenant, data: { value } });
    await answer.body?.cancel();
    assertEquals(answer.status, 202);
  };
  const hears = (worker: typeof one, text: string) => worker.output.includes(text);
  // The workers' queues exist a moment after they are ready.
  await eventually("both to hear an event", async () => {
    await publish("first", "acme");
    return [one, two].every((worker) => hears(worker, 'heard {"value":"first"}'));
  });
  await publish("second", "broken");
  await publish("third", "acme");
  for (const worker of [one, two]) {
    await worker.said(/heard \{"value":"third"\}/);
    assertStringIncludes(worker.output, "a broken listener");
    assertEquals(hears(worker, "second"), false);
  }
  // Forwarding needs no record.
  assertEquals(await pipeline.rows("select from celeriac.event"), []);
});
