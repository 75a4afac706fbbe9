import { assertEquals, assertStringIncludes } from "@std/assert";
import { eventTopology } from "../../../shared/broker/event_topology.ts";
import { DatabaseUnreached } from "../../../shared/errors.ts";
import type { CloudEvent } from "../../../shared/events/cloud_event.ts";
import { EventContracts } from "../../../shared/events/event_contracts.ts";
import { eventKey, eventTaskId } from "../../../shared/events/event_key.ts";
import { CloudEventPublisher } from "../../../shared/events/cloud_event_publisher.ts";
import type { StoredSubscription } from "../../../shared/events/subscription_store.ts";
import { defineEvent, z } from "../../../shared/mod.ts";
import { Publisher } from "../../../shared/outbox/publisher.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { createFixture } from "./fixture.ts";
import { queued } from "../../support/broker_helpers.ts";

const contracts = new EventContracts([
  defineEvent({ type: "orders.paid", data: z.object({ order: z.string() }) }),
  defineEvent({ type: "prices.changed" }),
]);

const PAID = { type: "orders.paid", data: { order: "17" } };
const WHOLE = { specversion: "1.0", id: "1", source: "/shop", ...PAID };
const EVENT_TYPE = { "content-type": "application/cloudevents+json" };
const BATCH_TYPE = { "content-type": "application/cloudevents-batch+json" };

const NO_STORE = {
  find: () => Promise.resolve(undefined),
  before: () => Promise.resolve([]),
  after: () => Promise.resolve([]),
  lastPosition: () => Promise.resolve(0),
};

/** Events of orders have one subscription, `receipt`. */
async function open(
  of = (event: CloudEvent) =>
    Promise.resolve(
      event.type === "orders.paid" ? [{ name: "receipt" } as StoredSubscription] : [],
    ),
) {
  await using stack = new AsyncDisposableStack();
  const broker = stack.use(new MemoryBroker());
  await broker.start();
  await broker.declare(eventTopology());
  const outbox = { add: () => Promise.resolve() };
  const publisher = new CloudEventPublisher({
    publisher: new Publisher({ broker, outbox, origin: "gen1@test" }),
  });
  const fixture = stack.use(
    await createFixture({}, {
      events: { contracts, publisher, subscriptions: { of }, store: NO_STORE },
    }),
  );
  const owned = stack.move();
  return {
    post: async (path: string, body: unknown, headers = {}) => {
      const response = await fixture.post(path, body, headers);
      return { status: response.status, body: await response.json() };
    },
    /** The events in the inbox. */
    published: async () => (await queued(broker, "inbox.celeriac")).map((text) => JSON.parse(text)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("POST /v1/events publishes an event, and names its tasks", async () => {
  await using api = await open();
  const key = eventKey(WHOLE);
  const tasks = [{ subscription: "receipt", id: eventTaskId(key, "receipt") }];
  const expected = { key, via: "broker", subscriptions: ["receipt"], tasks };
  assertEquals(await api.post("/v1/events", WHOLE, EVENT_TYPE), { status: 202, body: expected });
  const binary = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/shop",
    "ce-type": PAID.type,
  };
  assertEquals((await api.post("/v1/events", PAID.data, binary)).body, expected);
  const plain = await api.post("/v1/events", PAID);
  assertEquals([plain.status, plain.body.subscriptions], [202, ["receipt"]]);
  const published = await api.published();
  assertEquals(published[0], WHOLE);
  assertEquals(published[1], { ...WHOLE, datacontenttype: "application/json" });
  assertEquals(published[2].source, "/celeriac");
});

Deno.test("POST /v1/events publishes a batch, or nothing of it", async () => {
  await using api = await open();
  const other = { ...WHOLE, id: "2", type: "prices.changed" };
  const { status, body } = await api.post("/v1/events", [WHOLE, other], BATCH_TYPE);
  assertEquals(status, 202);
  assertEquals(body.map(({ subscriptions }: { subscriptions: string[] }) => subscriptions), [[
    "receipt",
  ], []]);
  assertEquals(await api.post("/v1/events", [], BATCH_TYPE), { status: 202, body: [] });
  await api.published();
  for (const wrong of [{ ...WHOLE, data: {} }, { ...WHOLE, type: "x".repeat(300) }, 7]) {
    const refused = await api.post("/v1/events", [WHOLE, wrong], BATCH_TYPE);
    assertEquals(refused.status, 422);
    assertStringIncludes(refused.body.errors[0].field, "[1]");
  }
  assertEquals((await api.post("/v1/events", Array(11).fill(WHOLE), BATCH_TYPE)).status, 413);
  const large = { ...WHOLE, id: "2", data: { order: "x".repeat(1024 * 1024) } };
  const unwritable = { ...WHOLE, type: "prices.changed", data: { __type__: "x", __value__: 1 } };
  assertEquals((await api.post("/v1/events", [WHOLE, unwritable], BATCH_TYPE)).status, 422);
  const tooLarge = await api.post("/v1/events", [WHOLE, large], BATCH_TYPE);
  assertEquals([tooLarge.status, tooLarge.body.errors[0].field], [413, "[1]"]);
  assertEquals(await api.published(), []);
});

Deno.test("POST /v1/events refuses unknown types with the nearest name, and wrong data", async () => {
  await using api = await open();
  const unknown = await api.post("/v1/events", { ...PAID, type: "orders.payd" });
  assertEquals([unknown.status, unknown.body.errors[0].field], [422, "type"]);
  assertStringIncludes(unknown.body.detail, "did you mean 'orders.paid'?");
  const wrong = await api.post("/v1/events", { ...PAID, data: { order: 17 } });
  assertEquals([wrong.status, wrong.body.errors[0].field], [422, "data.order"]);
  assertEquals((await api.post("/v1/events", "{")).status, 400);
  assertEquals((await api.post("/v1/events", PAID, { "content-encoding": "gzip" })).status, 415);
  assertEquals((await api.post("/v1/events?require=task", PAID)).status, 422);
  assertEquals((await api.post("/v1/events?requires=1", PAID)).status, 422);
  assertEquals(await api.published(), []);
});

Deno.test("POST /v1/events refuses bad input in each form, and publishes nothing", async () => {
  await using api = await open();
  const { specversion: _, ...withoutVersion } = WHOLE;
  const binary = (changes: Record<string, string | undefined>) => {
    const headers = {
      ...{ "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/shop", "ce-type": PAID.type },
      ...changes,
    };
    return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  };
  const cases: [body: unknown, headers: object, field: string | undefined, text: string][] = [
    [{ data: PAID.data }, {}, "type", "it has no `type`"],
    [{ ...PAID, type: "" }, {}, "type", "is empty"],
    [{ ...PAID, type: "x".repeat(300) }, {}, "type", "300 bytes"],
    [{ ...PAID, type: 7 }, {}, "type", "is no text"],
    [{ ...PAID, id: "a\0b" }, {}, "id", "NUL"],
    [{ ...PAID, subject: "\ud800" }, {}, "subject", ""],
    [{ ...PAID, time: "today" }, {}, "time", "RFC 3339"],
    [{ ...PAID, source: "a b" }, {}, "source", "URI reference"],
    [{ ...PAID, Tenant: "acme" }, {}, "Tenant", "lower-case"],
    [{ ...PAID, tenant: { name: "acme" } }, {}, "tenant", "neither text nor"],
    [{ ...PAID, data_base64: "AA==" }, {}, undefined, ""],
    [[PAID], {}, undefined, ""],
    [withoutVersion, EVENT_TYPE, "specversion", "it has no `specversion`"],
    [{ ...WHOLE, specversion: "0.3" }, EVENT_TYPE, "specversion", "is not '1.0'"],
    [{ ...WHOLE, id: undefined }, EVENT_TYPE, "id", "it has no `id`"],
    [WHOLE, BATCH_TYPE, undefined, "the batch is no array"],
    [[WHOLE, { ...WHOLE, source: "a\0b" }], BATCH_TYPE, undefined, "NUL"],
    [[WHOLE, null], BATCH_TYPE, undefined, ""],
    [PAID.data, binary({ "ce-id": undefined }), "id", "it has no `id`"],
    [PAID.data, binary({ "ce-id": "a%00b" }), "id", "U+0000"],
    [PAID.data, binary({ "ce-id": "%ff" }), "id", "percent-encoding"],
    [PAID.data, binary({ "ce-type": "x".repeat(300) }), "type", "300 bytes"],
    [{}, binary({}), "data.order", "invalid"],
    [PAID.data, { "content-type": "text/plain" }, undefined, "needs the attributes as headers"],
    [WHOLE, { "content-type": "application/cloudevents+avro" }, undefined, "is not supported"],
  ];
  for (const [body, headers, field, text] of cases) {
    const answer = await api.post("/v1/events", body, headers);
    const label = `${JSON.stringify(body)?.slice(0, 100)} ${JSON.stringify(headers)}`;
    assertEquals(answer.status, 422, `${label} ${answer.body.detail}`);
    if (field !== undefined) assertEquals(answer.body.errors?.[0]?.field, field, label);
    assertStringIncludes(answer.body.detail, text, label);
    assertEquals(answer.body.detail.includes("\0"), false);
  }
  assertEquals(await api.published(), []);
});

Deno.test("POST /v1/events accepts an event without subscribers, unless one is required", async () => {
  await using api = await open();
  const lonely = { type: "prices.changed" };
  assertEquals((await api.post("/v1/events", lonely)).body.subscriptions, []);
  const refused = await api.post("/v1/events?require=subscription", lonely);
  assertEquals([refused.status, refused.body.type], [409, "/problems/no-subscriber"]);
  assertEquals((await api.post("/v1/events?require=subscription", PAID)).status, 202);
  assertEquals((await api.published()).length, 2);
});

Deno.test("POST /v1/events accepts events while the database is unavailable, unless a subscriber is required", async () => {
  const error = new DatabaseUnreached("Cannot reach the database because of a test: start it");
  await using api = await open(() => Promise.reject(error));
  const { status, body } = await api.post("/v1/events", PAID);
  assertEquals([status, body.subscriptions, body.tasks], [202, null, null]);
  assertEquals((await api.post("/v1/events?require=subscription", PAID)).status, 503);
});
