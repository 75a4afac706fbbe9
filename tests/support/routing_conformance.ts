/** How every broker routes from one exchange to another, and that it reads patterns as `shared/broker/routing.ts` does. */
import { assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import type { Broker } from "../../shared/broker/broker.ts";
import { ENTRY_EXCHANGE, eventTopology } from "../../shared/broker/event_topology.ts";
import type { Headers } from "../../shared/broker/message.ts";
import { matchesHeaders, matchesTopic } from "../../shared/broker/routing.ts";
import { Unroutable } from "../../shared/errors.ts";
import { message, queued, queues, started } from "./broker_helpers.ts";

/** Bindings, and messages to each of them, of one run of a property. */
const BINDINGS = 20;
const MESSAGES = 40;

/** Cases by title. */
export const ROUTING: Record<string, (broker: Broker) => Promise<void>> = {
  async "publish() routes through exchanges bound to exchanges, one copy to a queue"(broker) {
    await started(broker, {
      ...queues("celeriac.many", "celeriac.some"),
      exchanges: [
        { name: "first", type: "topic", durable: true },
        { name: "second", type: "fanout", durable: true },
        { name: "third", type: "direct", durable: true },
      ],
      bindings: [
        { exchange: "first", toExchange: "second", routingKey: "#" },
        { exchange: "first", toExchange: "third", routingKey: "a.*" },
        { exchange: "first", queue: "celeriac.many", routingKey: "a.#" },
        { exchange: "second", queue: "celeriac.many", routingKey: "" },
        { exchange: "third", queue: "celeriac.many", routingKey: "a.b" },
        { exchange: "third", queue: "celeriac.some", routingKey: "a.b" },
      ],
    });
    for (const key of ["a.b", "a.c", "z"]) await broker.publish(message("first", key, key));
    assertEquals(await queued(broker, "celeriac.many"), ["a.b", "a.c", "z"]);
    assertEquals(await queued(broker, "celeriac.some"), ["a.b"]);
    await assertRejects(() => broker.publish(message("third", "z")), Unroutable);
  },

  async "publish() routes once through exchanges that are bound in a circle"(broker) {
    await started(broker, {
      ...queues("celeriac.q"),
      exchanges: [
        { name: "there", type: "fanout", durable: true },
        { name: "back", type: "fanout", durable: true },
      ],
      bindings: [
        { exchange: "there", toExchange: "back", routingKey: "" },
        { exchange: "back", toExchange: "there", routingKey: "" },
        { exchange: "back", queue: "celeriac.q", routingKey: "" },
      ],
    });
    for (const name of ["there", "back"]) await broker.publish(message(name, "", name));
    assertEquals(await queued(broker, "celeriac.q"), ["there", "back"]);
  },

  async "publish() routes an event to the inbox, and to queues bound by pattern or attribute"(
    broker,
  ) {
    const { exchanges, queues: inbox, bindings } = eventTopology();
    await started(broker, {
      exchanges,
      queues: [...inbox, ...queues("celeriac.paid", "celeriac.acme").queues],
      bindings: [
        ...bindings,
        { exchange: ENTRY_EXCHANGE, queue: "celeriac.paid", routingKey: "orders.*.paid" },
        {
          exchange: "match.event.celeriac",
          queue: "celeriac.acme",
          routingKey: "",
          arguments: { "x-match": "any", "cloudEvents_tenant": "acme" },
        },
      ],
    });
    const send = (type: string, tenant: string) =>
      broker.publish({
        ...message(ENTRY_EXCHANGE, type, `${type} ${tenant}`),
        headers: { cloudEvents_tenant: tenant },
      });
    await send("orders.eu.paid", "acme");
    await send("orders.eu.paid", "other");
    await send("prices.changed", "acme");
    assertEquals(await queued(broker, "celeriac.paid"), [
      "orders.eu.paid acme",
      "orders.eu.paid other",
    ]);
    assertEquals(await queued(broker, "celeriac.acme"), [
      "orders.eu.paid acme",
      "prices.changed acme",
    ]);
    assertEquals((await queued(broker, "inbox.celeriac")).length, 3);
  },

  async "publish() matches routing keys as matchesTopic() does"(broker) {
    const patterns = sample(topic("*", "#"), BINDINGS);
    await started(broker, {
      ...queues(...patterns.map((_, index) => `celeriac.q${index}`)),
      exchanges: [{ name: "topics", type: "topic", durable: true }],
      bindings: patterns.map((routingKey, index) => ({
        exchange: "topics",
        queue: `celeriac.q${index}`,
        routingKey,
      })),
    });
    const keys = sample(topic(), MESSAGES);
    for (const key of keys) await broker.publish(message("topics", key, key), { mandatory: false });
    for (const [index, pattern] of patterns.entries()) {
      assertEquals(
        await queued(broker, `celeriac.q${index}`),
        keys.filter((key) => matchesTopic(pattern, key)),
        pattern,
      );
    }
  },

  async "publish() matches headers as matchesHeaders() does"(broker) {
    const wanted = sample(bindingArguments, BINDINGS);
    await started(broker, {
      ...queues(...wanted.map((_, index) => `celeriac.q${index}`)),
      exchanges: [{ name: "headers", type: "headers", durable: true }],
      bindings: wanted.map((given, index) => ({
        exchange: "headers",
        queue: `celeriac.q${index}`,
        routingKey: "",
        arguments: given,
      })),
    });
    const sent = sample(attributes, MESSAGES).map((headers, index) => ({ headers, index }));
    for (const { headers, index } of sent) {
      await broker.publish({ ...message("headers", "", String(index)), headers }, {
        mandatory: false,
      });
    }
    for (const [index, given] of wanted.entries()) {
      const matching = sent.filter(({ headers }) => matchesHeaders(given, headers));
      assertEquals(
        await queued(broker, `celeriac.q${index}`),
        matching.map(({ index }) => String(index)),
        JSON.stringify(given),
      );
    }
  },
};

/** Few words, so that keys match often: an empty one, one with the characters of patterns inside. */
function topic(...more: string[]): fc.Arbitrary<string> {
  const word = fc.constantFrom("a", "b", "", "a*", "#b", ...more, ...more);
  return fc.array(word, { maxLength: 5 }).map((words) => words.join("."));
}

const name = fc.constantFrom("cloudEvents_tenant", "cloudEvents_count", "constructor");
const value = fc.constantFrom<string | number | boolean>("acme", "1", 1, true, false, "");

const attributes: fc.Arbitrary<Headers> = fc.dictionary(name, value, { noNullPrototype: true });

const bindingArguments: fc.Arbitrary<Headers> = fc.record({
  match: fc.constantFrom("all", "any"),
  where: fc.dictionary(name, fc.oneof(value, fc.constant(null)), { noNullPrototype: true }),
}).map(({ match, where }) => ({ ...where, "x-match": match }));

/** Distinct values: RabbitMQ keeps one of two equal bindings. */
function sample<Value>(arbitrary: fc.Arbitrary<Value>, count: number): Value[] {
  return fc.sample(
    fc.uniqueArray(arbitrary, {
      minLength: count,
      maxLength: count,
      selector: (one) => JSON.stringify(one),
    }),
    1,
  )[0]!;
}
