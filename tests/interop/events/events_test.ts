/** Events to and from Python: kombu as the broker user for events, a task of Celery, and the SDKs of CloudEvents. */
import { assert, assertEquals } from "@std/assert";
import { CloudEvent as SdkEvent, HTTP, type Message } from "cloudevents";
import { applyDefinitions } from "../../../cli/rabbitmq/apply.ts";
import { renderDefinitions } from "../../../cli/rabbitmq/render.ts";
import { topology } from "../../../shared/broker/topology.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { celeryStack, PYTHON_ENVIRONMENT } from "../../support/celery_stacks.ts";
import { eventually } from "../../support/eventually.ts";
import { freshMigrated } from "../../support/migrated.ts";
import { Process } from "../../support/process.ts";
import { unprovisioned } from "../../support/provisioned.ts";
import { rawChannel } from "../../support/raw_amqp.ts";
import { checkout, startApi, startBeat, startWorker } from "../../support/roles.ts";

type Event = Record<string, unknown> & { readonly id: string };

interface Recorded {
  readonly event: Event;
  readonly tasks: readonly { subscription: string; id: string }[];
}

const QUEUES = ["celeriac.default"];
const EVENT_TYPE = "application/cloudevents+json";

const script = (name: string) => new URL(name, import.meta.url);

/** With its time as JavaScript writes it: a binding may carry the time as a number. */
function comparable(event: Event): Event {
  return { ...event, time: new Date(String(event["time"])).toISOString() };
}

function idOf({ tasks }: Recorded, name: string): string | undefined {
  return tasks.find(({ subscription }) => subscription === name)?.id;
}

Deno.test("kombu, Celery and the SDKs of CloudEvents exchange events with an app", async (t) => {
  await using parts = new AsyncDisposableStack();
  const stack = await celeryStack("c57");
  const broker = parts.use(unprovisioned(QUEUES));
  const options = { ...broker.options, topology: topology(QUEUES, { stream: true }) };
  await applyDefinitions(broker.management, await renderDefinitions(options));
  const database = parts.use(await freshMigrated());
  const env = (role: "api" | "beat" | "worker") => ({
    AMQP_URL: broker.url(role),
    DATABASE_URL: database.url,
    CELERIAC_CONTRACTS: `${checkout}tests/interop/events/contracts.ts`,
    CELERIAC_HANDLERS: `${checkout}tests/interop/events/handlers.ts`,
  });
  const { api, url } = await startApi({ env: env("api") });
  parts.use(api);
  parts.use((await startBeat({ env: env("beat") })).beat);
  parts.use(await startWorker({ env: env("worker") }));
  const python = parts.use(
    await stack.worker(script("ship_app.py"), { url: broker.url("python") }),
  );
  const consumer = parts.use(consume("topic", "headers", "fanout"));
  await consumer.said(/consuming/);

  /** Starts the consumer. */
  function consume(...args: string[]): Process {
    const file = script("consume.py").pathname;
    return Process.start(stack.python, [file, ...args], {
      env: { ...PYTHON_ENVIRONMENT, BROKER: broker.url("events") },
    });
  }

  /** Ids of the events that each kind of queue has received. */
  const received = ({ stdout }: Process): Record<string, Event[]> =>
    Object.groupBy(
      stdout.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line)),
      ({ kind }) => kind,
    ) as Record<string, Event[]>;

  const eventsOf = (process: Process, kind: string): Event[] =>
    (received(process)[kind] ?? []).map(({ event }) => event as Event);

  const publish = async (headers: HeadersInit, body: BodyInit) => {
    const answer = await fetch(`${url}/v1/events`, { method: "POST", headers, body });
    const text = await answer.text();
    assertEquals(answer.status, 202, text);
  };

  const recorded = (id: string) =>
    eventually(`event '${id}' to be recorded`, async () => {
      const { events } = await (await fetch(`${url}/v1/events?limit=100`)).json();
      return (events as Recorded[]).find(({ event }) => event.id === id);
    });

  /** Waits until an event is recorded and its task has finished; checks both. */
  const handled = async (event: Event) => {
    const found = await recorded(event.id);
    assertEquals(comparable(found.event), comparable(event));
    const task = await (await fetch(`${url}/v1/tasks/${idOf(found, "kept")}?wait=30`)).json();
    assertEquals([task.state, task.result], ["SUCCESS", found.event]);
  };

  const ours = {
    specversion: "1.0",
    id: "ours",
    source: "/shop",
    type: "orders.eu.paid",
    time: "2030-01-02T03:04:05.678000Z",
    datacontenttype: "application/json",
    tenant: "acme",
    data: { order: "17", city: "Köln" },
  };
  const price = { ...ours, id: "price", type: "prices.changed", data: { apple: 3 } };

  await t.step(
    "kombu receives our events by topic, headers and fanout, and the SDK reads them",
    async () => {
      await publish({ "content-type": EVENT_TYPE }, JSON.stringify(ours));
      const { tenant: _, ...other } = ours;
      await publish({ "content-type": EVENT_TYPE }, JSON.stringify({ ...other, id: "other" }));
      await publish({ "content-type": EVENT_TYPE }, JSON.stringify(price));
      await eventually("all events", () => eventsOf(consumer, "fanout").length === 3);
      await eventually("events by topic", () => eventsOf(consumer, "topic").length === 2);
      await eventually("events by header", () => eventsOf(consumer, "headers").length === 2);
      const ids = (kind: string) => eventsOf(consumer, kind).map(({ id }) => id);
      assertEquals(ids("fanout"), ["ours", "other", "price"]);
      assertEquals(ids("topic"), ["ours", "other"]);
      assertEquals(ids("headers"), ["ours", "price"]);
      assertEquals(new Date(String(eventsOf(consumer, "topic")[0]?.["time"])), new Date(ours.time));
      assertEquals({ ...eventsOf(consumer, "topic")[0], time: ours.time }, ours);
    },
  );

  await t.step(
    "a Deno task handles each event that kombu publishes, in every binding",
    async (t) => {
      const said = await stack.run(script("publish.py"), ["amqp"], { url: broker.url("events") });
      const sent: Record<string, Event> = JSON.parse(said);
      assertEquals(Object.keys(sent).length, 6);
      for (const [name, event] of Object.entries(sent)) {
        await t.step(name, () => handled(event));
      }
    },
  );

  await t.step("the API accepts what the SDK for Python sends by HTTP", async (t) => {
    const said = await stack.run(script("publish.py"), ["http", url]);
    for (const [name, event] of Object.entries(JSON.parse(said) as Record<string, Event>)) {
      await t.step(name, () => handled(event));
    }
  });

  await t.step("a Python task runs for each paid order", async () => {
    for (const order of ["17", "amqp-binary", "rabbitmq-binary", "http-structured"]) {
      await python.said(new RegExp(`shipped ${order}`));
    }
    assert(!python.output.includes("shipped undefined"));
  });

  await t.step("the SDK for JavaScript reads our messages, and we read what it sends", async () => {
    await using amqp = await rawChannel(broker.url("events"));
    await amqp.channel.assertQueue("sub.npm", { arguments: { "x-queue-type": "quorum" } });
    await amqp.channel.bindQueue("sub.npm", "type.event.celeriac", "#");
    for (const write of [HTTP.structured, HTTP.binary]) {
      const { specversion: _, ...attributes } = { ...ours, id: `npm-${write.name}` };
      const event = new SdkEvent({ ...attributes, source: "/npm" });
      const { headers, body } = write(event) as Message<unknown>;
      await publish(headers as Record<string, string>, String(body));
      const message = await eventually("the message", () => amqp.channel.get("sub.npm"));
      assert(message);
      const read = HTTP.toEvent({
        headers: { "content-type": message.properties.contentType },
        body: message.content.toString(),
      }) as SdkEvent<unknown>;
      const { event: stored } = await recorded(event.id);
      assertEquals(read.toJSON(), event.toJSON());
      assertEquals(stored, JSON.parse(message.content.toString()));
    }
  });

  await t.step("kombu reads the stream from an offset", async () => {
    await using stream = consume("stream", "1", "3");
    await stream.exit({ timeoutMs: 30_000 });
    const events = eventsOf(stream, "stream");
    assertEquals(events.slice(0, 3).map(({ id }) => id), ["other", "price", "amqp-structured"]);
  });

  await t.step("each event was handled once", async () => {
    await using sql = new PostgresDatabase({ url: database.url, max: 1 });
    await sql.start();
    const counts = await sql.query<{ name: string; count: number }>(
      "select name, count(*)::int as count from celeriac.task group by name order by name",
    );
    const events = await sql.query<{ count: number }>(
      "select count(*)::int as count from celeriac.event",
    );
    assertEquals(events, [{ count: 13 }]);
    assertEquals(counts, [{ name: "shop.keep", count: 13 }]);
    const shipped = await eventually("every paid order to be shipped", () => {
      const orders = [...python.output.matchAll(/shipped (\S+)/g)].map(([, order]) => order);
      return orders.length >= 12 && orders;
    });
    assertEquals(shipped.length, 12);
  });
});
