import { setTimeout as delay } from "node:timers/promises";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { EventContracts } from "../../../shared/events/event_contracts.ts";
import { EventStore } from "../../../shared/events/event_store.ts";
import { SubscriptionStore } from "../../../shared/events/subscription_store.ts";
import { defineEvent, defineTask, on, z } from "../../../shared/mod.ts";
import { eventually } from "../../support/eventually.ts";
import { newEvent } from "../../support/event_stores.ts";
import { createFixture, type Fixture } from "./fixture.ts";

const paid = defineEvent({
  type: "orders.paid",
  data: z.object({ order: z.string() }),
  attributes: { tenant: z.string().optional() },
});
const sendReceipt = defineTask({ name: "send_receipt", input: z.object({ order: z.string() }) });
const audit = defineTask({ name: "audit", input: z.object({ event: z.unknown() }) });
const forget = defineTask({ name: "forget", input: z.object({}), ignoreResult: true });
const receipt = on(paid, { name: "receipt", task: sendReceipt });

const APP = {
  contracts: [sendReceipt, audit, forget],
  events: new EventContracts([paid]),
  subscriptions: [receipt],
};

const BIG = {
  name: "big",
  patterns: ["orders.*"],
  where: { tenant: "acme" },
  task: "send_receipt",
  args: { order: "/data/order" },
};

async function call({ url }: Fixture, method: string, path: string, body?: unknown) {
  const response = await fetch(`${url}/v1/${path}`, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
  });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text), headers: response.headers };
}

Deno.test("/v1/subscriptions creates, reads, lists, replaces and removes subscriptions", async () => {
  await using fixture = await createFixture({}, APP);
  const made = await call(fixture, "POST", "subscriptions", BIG);
  assertEquals([made.status, made.headers.get("location")], [201, "/v1/subscriptions/big"]);
  const { created_at: _, updated_at: __, ...rest } = made.body;
  assertEquals(rest, {
    ...BIG,
    match: "all",
    queue: "celeriac.default",
    source: "database",
    paused: false,
    paused_at: null,
    replays: [],
  });
  const simple = { name: "plain", patterns: ["orders.paid"], task: "send_receipt" };
  assertEquals((await call(fixture, "POST", "subscriptions", simple)).body.args, "/data");
  const twin = await call(fixture, "POST", "subscriptions", BIG);
  assertEquals([twin.status, twin.body.type], [409, "/problems/subscription-exists"]);

  const first = await call(fixture, "GET", "subscriptions?limit=2");
  const names = ({ subscriptions }: { subscriptions: { name: string }[] }) =>
    subscriptions.map(({ name }) => name);
  assertEquals([names(first.body), first.body.next], [["big", "plain"], "plain"]);
  const second = await call(fixture, "GET", "subscriptions?cursor=plain");
  assertEquals([names(second.body), second.body.next], [["receipt"], null]);

  const change = { patterns: ["#"], task: "audit" };
  const changed = await call(fixture, "PUT", "subscriptions/big", change);
  assertEquals([changed.status, changed.body.patterns, changed.body.where], [200, ["#"], {}]);
  assertEquals(changed.body.args, { event: "" });
  assertEquals((await call(fixture, "PUT", "subscriptions/none", change)).status, 404);
  assertEquals((await call(fixture, "PUT", "subscriptions/big", BIG)).status, 200);
  const other = await call(fixture, "PUT", "subscriptions/big", { ...BIG, name: "bug" });
  assertEquals([other.status, other.body.errors[0].field], [422, "name"]);

  assertEquals((await call(fixture, "DELETE", "subscriptions/big")).status, 204);
  assertEquals((await call(fixture, "DELETE", "subscriptions/big")).status, 404);
  assertEquals((await call(fixture, "GET", "subscriptions/big")).status, 404);
});

Deno.test("/v1/subscriptions keeps subscriptions of the app's code until they are pruned", async () => {
  await using fixture = await createFixture({}, APP);
  const store = new SubscriptionStore({ database: fixture.database });
  await store.sync([{ ...receipt, name: "old" }]);
  const removed = await call(fixture, "DELETE", "subscriptions/receipt");
  assertEquals([removed.status, removed.body.type], [409, "/problems/subscription-in-code"]);
  assertStringIncludes(removed.body.detail, "remove it there and prune, or pause it");
  const { name, ...change } = BIG;
  assertEquals((await call(fixture, "PUT", "subscriptions/receipt", change)).status, 409);
  await call(fixture, "POST", "subscriptions", { ...BIG, name });

  const dry = await call(fixture, "POST", "subscriptions:prune", { dry_run: true });
  assertEquals(dry.body, { dry_run: true, removed: ["old"] });
  assertEquals((await call(fixture, "POST", "subscriptions:prune", { dry: true })).status, 422);
  const pruned = await call(fixture, "POST", "subscriptions:prune");
  assertEquals(pruned.body, { dry_run: false, removed: ["old"] });
  const left = await call(fixture, "GET", "subscriptions");
  assertEquals(left.body.subscriptions.map((one: { name: string }) => one.name), [
    "big",
    "receipt",
  ]);
});

Deno.test("POST /v1/subscriptions refuses what could not work, with the nearest name", async () => {
  await using fixture = await createFixture({ foreignQueues: "celery" }, APP);
  const cases: [changes: Record<string, unknown>, field: string, text: string][] = [
    [{ task: "send_reciept" }, "task", "did you mean 'send_receipt'?"],
    [{ task: "shop.mail" }, "task", "CELERIAC_FOREIGN_QUEUES"],
    [{ task: "forget", args: {} }, "task", "ignores results"],
    [{ patterns: ["orders.payd"] }, "patterns", "did you mean 'orders.paid'?"],
    [{ patterns: ["order*"] }, "patterns", "a word of its own"],
    [{ patterns: ["a..b"] }, "patterns", "is empty"],
    [{ patterns: [] }, "patterns", ""],
    [{ patterns: [`${"x".repeat(255)}.#`] }, "patterns", "255 bytes"],
    [{ name: "a b" }, "name", "letters, digits"],
    [{ name: "a\0b" }, "name", ""],
    [{ where: { Tenant: "acme" } }, "where.Tenant", "lower-case"],
    [{ where: { count: 1.5 } }, "where.count", "32-bit"],
    [{ match: "any", where: {} }, "match", "no attribute"],
    [{ match: "some" }, "match", ""],
    [{ args: { ordre: "/data/order" } }, "args.ordre", "did you mean 'order'?"],
    [{ args: {} }, "args.order", "needs argument 'order'"],
    [{ args: { order: "data" } }, "args", "no JSON pointer"],
    [{ patterns: ["orders.paid"], args: { order: "/data/ordre" } }, "args.order", "did you mean"],
    [{ queue: "celeriac.defalt" }, "queue", "did you mean 'celeriac.default'?"],
    [{ pattern: "#" }, "pattern", "did you mean 'patterns'?"],
  ];
  for (const [changes, field, text] of cases) {
    const { status, body } = await call(fixture, "POST", "subscriptions", { ...BIG, ...changes });
    const label = JSON.stringify(changes).slice(0, 80);
    assertEquals([status, body.errors?.[0]?.field], [422, field], `${label} ${body.detail}`);
    assertStringIncludes(body.detail, text, label);
  }
  const { body } = await call(fixture, "GET", "subscriptions");
  assertEquals(body.subscriptions.length, 1);
  const python = { ...BIG, name: "mail", task: "shop.mail", queue: "celery" };
  assertEquals((await call(fixture, "POST", "subscriptions", python)).status, 201);
});

Deno.test("CELERIAC_EVENTS_OPEN accepts events and subscriptions without a contract", async () => {
  await using fixture = await createFixture({ eventsOpen: "1" }, APP);
  const open = { name: "open", patterns: ["zebra"], task: "audit" };
  assertEquals((await call(fixture, "POST", "subscriptions", open)).status, 201);
  const { status, body } = await call(fixture, "POST", "events", { type: "zebra" });
  assertEquals([status, body.via], [202, "broker"]);
  // A type with a contract is checked all the same.
  const wrong = await call(fixture, "POST", "events", { type: "orders.paid", data: {} });
  assertEquals(wrong.status, 422);
  const types = await call(fixture, "GET", "events/types");
  assertEquals([types.body.open, types.body.types.length], [true, 1]);
});

Deno.test("POST /v1/events names the tasks by the subscriptions of the database", async () => {
  await using fixture = await createFixture({}, APP);
  const event = { type: "orders.paid", data: { order: "17" } };
  const synced = await eventually("the app's subscription", async () => {
    const { body } = await call(fixture, "POST", "events", event);
    return body.subscriptions.length > 0 ? body : undefined;
  });
  assertEquals(synced.subscriptions, ["receipt"]);
  await call(fixture, "POST", "subscriptions", { ...BIG, where: {} });
  await eventually("the new subscription", async () => {
    const { body } = await call(fixture, "POST", "events", event);
    return body.subscriptions.length === 2 ? body : undefined;
  });
  const metrics = await (await fetch(`${fixture.url}/metrics`)).text();
  assertStringIncludes(metrics, 'celeriac_events_accepted_total{type="orders.paid"}');
});

Deno.test("/v1/subscriptions/{name}/replay checks its input and stores a replay", async () => {
  await using fixture = await createFixture({}, APP);
  const events = new EventStore({ database: fixture.database });
  await events.record([newEvent("1"), newEvent("2")]);
  await delay(2); // Times in JSON have milliseconds, those of the database microseconds.
  const between = new Date();
  await events.record([newEvent("3")]);
  const path = "subscriptions/receipt/replay";
  for (
    const [body, field] of [
      [{ since: "yesterday" }, "since"],
      [{ since: "2030-01-02T00:00:00Z", until: "2030-01-01T00:00:00Z" }, "until"],
      [{ types: ["order*"] }, "types"],
      [{ types: [] }, "types"],
      [{ rate: 0 }, "rate"],
      [{ rate: "fast" }, "rate"],
      [{ agian: true }, "agian"],
    ] as const
  ) {
    const refused = await call(fixture, "POST", path, body);
    assertEquals([refused.status, refused.body.errors?.[0]?.field], [422, field]);
  }
  assertEquals((await call(fixture, "POST", "subscriptions/none/replay")).status, 404);
  const all = await call(fixture, "POST", path);
  assertEquals([all.status, all.body.position, all.body.last_position], [202, 0, 3]);
  assertEquals([all.body.rate, all.body.again, all.body.types], [100, false, []]);
  const late = await call(fixture, "POST", path, { since: between.toISOString(), again: true });
  assertEquals([late.body.position, late.body.last_position], [2, 3]);
  const early = await call(fixture, "POST", path, { until: between.toISOString(), rate: 0.5 });
  assertEquals([early.body.position, early.body.last_position], [0, 2]);
  const { body } = await call(fixture, "GET", "subscriptions/receipt");
  assertEquals(body.replays.map(({ id }: { id: string }) => id), [
    early.body.id,
    late.body.id,
    all.body.id,
  ]);
  assertEquals(body.replays[0].ended_at, null);
});
