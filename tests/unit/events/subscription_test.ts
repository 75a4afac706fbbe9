import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../shared/errors.ts";
import { argumentsFrom } from "../../../shared/events/event_arguments.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { EventContracts } from "../../../shared/events/event_contracts.ts";
import { listenersOf, onEach } from "../../../shared/events/cloud_event_listener.ts";
import { subscriptionsOf } from "../../../shared/events/subscription.ts";
import { defineEvent, defineTask, on, z } from "../../../shared/mod.ts";

const paid = defineEvent({
  type: "orders.eu.paid",
  data: z.object({ order: z.string(), customer: z.object({ mail: z.email() }).optional() }),
  attributes: { tenant: z.string(), count: z.int().optional() },
});
const anything = defineEvent({ type: "prices.changed" });
const receipt = defineTask({ name: "receipt", input: z.object({ order: z.string() }) });
const audit = defineTask({ name: "audit", input: z.object({ event: z.looseObject({}) }) });
const strict = defineTask({ name: "strict", input: z.strictObject({ order: z.string() }) });
const forgetful = defineTask({ name: "forgetful", input: z.object({}), ignoreResult: true });

const EVENT = {
  ...{ specversion: "1.0", id: "1", source: "/s", type: "orders.eu.paid", tenant: "acme" },
  data: { order: "17" },
} as const;

/** A definition that the types refuse, too. */
function loose(definition: object) {
  return definition as Parameters<typeof on>[1];
}

Deno.test("on() is frozen and complete", () => {
  const one = on(paid, { name: "receipt", task: receipt });
  assertEquals(JSON.parse(JSON.stringify({ ...one, contracts: undefined })), {
    name: "receipt",
    patterns: ["orders.eu.paid"],
    where: {},
    match: "all",
    deliver: { task: "receipt", queue: "celeriac.default", args: "/data" },
  });
  assertEquals(Object.isFrozen(one), true);
  const mail = on(["orders.#", paid], {
    name: "mail",
    task: "shop.mail",
    queue: "celery",
    where: { tenant: "acme", urgent: null },
    match: "any",
  });
  assertEquals(mail.patterns, ["orders.#", "orders.eu.paid"]);
  assertEquals([mail.where, mail.match], [{ tenant: "acme", urgent: null }, "any"]);
  assertEquals(mail.deliver, { task: "shop.mail", queue: "celery", args: { event: "" } });
});

Deno.test("on() takes pointers for arguments, which argumentsFrom() resolves", () => {
  const { deliver } = on("orders.*.paid", {
    name: "ship",
    task: receipt,
    args: { order: "/data/order" },
  });
  assertEquals(argumentsFrom(cloudEvent(EVENT), deliver.args), { order: "17" });
  assertEquals(argumentsFrom(cloudEvent({ ...EVENT, data: null }), deliver.args), {});
  assertThrows(
    () => argumentsFrom(cloudEvent({ ...EVENT, data: [] }), "/data"),
    Error,
    "no object",
  );
  const whole = on("#", { name: "audit", task: audit });
  assertEquals(argumentsFrom(cloudEvent(EVENT), whole.deliver.args), { event: EVENT });
});

Deno.test("on() refuses invalid definitions and names the subscription", () => {
  type Events = Parameters<typeof on>[0];
  const cases: [Events, object, string[]][] = [
    [paid, { task: receipt, handler: 1 }, ["no key 'handler'", "did you mean 'task'?"]],
    [paid, { task: receipt, ordered: true }, ["no key 'ordered'"]],
    [paid, { name: "a b", task: receipt }, ["name 'a b'", "rename it"]],
    ["orders*", { task: audit }, ["pattern 'orders*'", "a word of its own"]],
    ["#.a.#.b.#", { task: audit }, ["pattern '#.a.#.b.#'", "more than 2 '#'"]],
    ["orders..paid", { task: audit }, ["a word between its dots is empty"]],
    ["", { task: audit }, ["of 1 to 255 bytes"]],
    [`a.${"ä".repeat(127)}.b`, { task: audit }, ["of 1 to 255 bytes"]],
    [[], { task: audit }, ["no pattern is given"]],
    [paid, { task: forgetful }, ["task 'forgetful' because it ignores results", "remove its"]],
    [paid, { task: "shop.mail" }, ["neither a contract nor a queue"]],
    [paid, { task: undefined }, ["neither a contract nor a name"]],
    [paid, { task: receipt, args: { order: "data/order" } }, ["no JSON pointer", "args"]],
    [paid, { task: receipt, args: { order: "/data/~2" } }, ["no JSON pointer"]],
    [paid, { task: receipt, args: { order: "/data/ordre" } }, [
      "args.order",
      "did you mean 'order'?",
    ]],
    [paid, { task: receipt, args: { order: "/data/customer/male" } }, ["did you mean 'mail'?"]],
    [paid, { task: receipt, args: { order: "/tenat" } }, ["'tenat'", "did you mean 'tenant'?"]],
    ["#", { task: receipt, args: { order: "/My_Id" } }, ["'My_Id' is no attribute"]],
    [paid, { task: receipt, args: { ordr: "/data/order" } }, [
      "args.ordr",
      "did you mean 'order'?",
    ]],
    [paid, { task: receipt, args: {} }, ["needs argument 'order'"]],
    ["#", { task: receipt }, ["no such argument", "args.event"]],
    [paid, { task: strict }, ["task 'strict' refuses it", "'customer'"]],
    [anything, { task: receipt }, ["schema is no object"]],
    [paid, { task: receipt, args: 7 }, ["neither a JSON pointer nor an object"]],
    [paid, { task: receipt, where: { Tenant: "a" } }, ["where.Tenant", "rename it"]],
    [paid, { task: receipt, where: { tenant: ["a"] } }, ["where.tenant", "use null"]],
    [paid, { task: receipt, where: { count: 1.5 } }, ["32-bit integer"]],
    [paid, { task: receipt, match: "some" }, ["'some' is neither 'all' nor 'any'"]],
    [paid, { task: receipt, match: "any" }, ["no event would match"]],
  ];
  for (const [events, definition, words] of cases) {
    const whole = loose({ name: "one", ...definition });
    const { message } = assertThrows(() => on(events, whole), ConfigurationError);
    assertStringIncludes(message, `Cannot define subscription '${whole.name}'`);
    for (const word of words) assertStringIncludes(message, word);
  }
});

Deno.test("on() accepts tasks with optional arguments, defaults and other keys", () => {
  const relaxed = defineTask({
    name: "relaxed",
    input: z.looseObject({ note: z.string().optional(), times: z.int().default(1) }),
  });
  on(paid, { name: "one", task: relaxed });
  on("#", { name: "two", task: relaxed, args: { other: "/id" } as Record<string, string> });
  on(defineEvent({ type: "a", data: z.looseObject({}) }), { name: "three", task: receipt });
});

Deno.test("subscriptionsOf() finds single subscriptions and arrays, and refuses duplicates", () => {
  const one = on(paid, { name: "one", task: receipt });
  const two = on("#", { name: "two", task: "shop.mail", queue: "celery" });
  const found = subscriptionsOf({ paid, receipt, one, list: [two, one], other: 1 });
  assertEquals(found.map(({ name }) => name), ["one", "two"]);
  const refused = (exports: Record<string, unknown>, words: string) =>
    assertThrows(() => subscriptionsOf(exports), ConfigurationError, words);
  const twin = on("#", { name: "one", task: receipt, args: { order: "/id" } });
  refused({ paid, receipt, one, twin }, "rename one of them");
  refused({ receipt, one }, "no event 'orders.eu.paid'");
  refused({ paid, one }, "no task 'receipt'");
  const named = on("#", { name: "named", task: "forgetful", queue: "celeriac.default" });
  refused({ forgetful, named }, "task 'forgetful' ignores results");
});

Deno.test("defineEvent() refuses invalid definitions and names the event", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ type: "orders.*" }, "contains a space, '*' or '#'"],
    [{ type: "orders paid" }, "contains a space"],
    [{ type: "x".repeat(300) }, "of 1 to 255 bytes"],
    [{ type: undefined }, "of 1 to 255 bytes"],
    [{ payload: z.string() }, "did you mean 'data'?"],
    [{ data: "string" }, "its data is not a zod schema"],
    [{ data: z.object({ at: z.date() }) }, "JSON cannot represent input.at"],
    [{ attributes: { tenantId: z.string() } }, "lower-case letters or digits"],
    [{ attributes: { data: z.string() } }, "the payload"],
    [{ attributes: { subject: z.string() } }, "CloudEvents defines attribute 'subject'"],
    [{ attributes: { tenant: z.bigint() } }, "JSON cannot represent input"],
  ];
  for (const [changes, words] of cases) {
    const definition = { type: "orders.paid", ...changes } as Parameters<typeof defineEvent>[0];
    const { message } = assertThrows(() => defineEvent(definition), ConfigurationError);
    assertStringIncludes(message, `Cannot define event '${definition.type}'`);
    assertStringIncludes(message, words);
  }
});

Deno.test("EventContracts.check() validates data and attributes, and gives them their types", () => {
  const contracts = EventContracts.fromModule({ list: [paid, anything], paid, other: 1 });
  const event = cloudEvent({ ...EVENT, count: "3" });
  assertEquals(contracts.check([event]), [cloudEvent({ ...EVENT, count: 3 })]);
  const cases: [object, string][] = [
    [{ type: "orders.eu.payd" }, "did you mean 'orders.eu.paid'?"],
    [{ type: "zebra" }, "export what defineEvent() returns"],
    [{ data: { order: 17 } }, "its data.order is invalid for type 'orders.eu.paid'"],
    [{ data: undefined }, "its data is invalid"],
    [{ tenant: null }, "its tenant is invalid"],
    [{ count: "many" }, "its count is invalid"],
  ];
  for (const [changes, words] of cases) {
    const wrong = cloudEvent({ ...EVENT, ...changes });
    assertThrows(() => contracts.check([wrong]), Error, words);
  }
  const bad = cloudEvent({ ...EVENT, data: {} });
  const batch = assertThrows(() => contracts.check([event, bad])) as Error & { field: string };
  assertEquals(batch.field, "[1].data.order");
  const unknown = cloudEvent({ ...EVENT, type: "zebra" });
  assertEquals(contracts.check([unknown], { open: true }), [unknown]);
});

Deno.test("EventContracts refuses two contracts of one type", () => {
  const twin = defineEvent({ type: "prices.changed" });
  assertThrows(() => new EventContracts([anything, twin]), ConfigurationError, "rename one");
  assertEquals([...new EventContracts([anything, anything])], [anything]);
});

Deno.test("onEach() makes listeners, which listenersOf() finds once each", () => {
  const received: unknown[] = [];
  const one = onEach(paid, ({ data }) => received.push(data.order), { where: { tenant: null } });
  one.receive(cloudEvent(EVENT));
  assertEquals(received, ["17"]);
  assertEquals([one.patterns, one.where, one.match], [["orders.eu.paid"], { tenant: null }, "all"]);
  assertEquals(listenersOf({ one, list: [one], other: 1 }), [one]);
  assertThrows(() => onEach("a*", () => {}), ConfigurationError, "Cannot listen to events 'a*'");
  assertThrows(() => onEach("a", 1 as never), ConfigurationError, "no function");
  assertThrows(() => onEach("a", () => {}, { wher: {} } as never), ConfigurationError, "'where'");
});
