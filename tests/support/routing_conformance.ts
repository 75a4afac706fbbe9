/** How every broker routes from one exchange to another, and that it reads patterns as subscriptions do. */
import { assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import type { Broker } from "../../shared/broker/broker.ts";
import {
  ENTRY_EXCHANGE,
  EVENT_TYPE_EXCHANGE,
  eventTopology,
} from "../../shared/broker/event_topology.ts";
import type { Headers } from "../../shared/broker/message.ts";
import { matchesHeaders, matchesTopic } from "../../shared/broker/routing.ts";
import { Unroutable } from "../../shared/errors.ts";
import { TYPE_BYTES } from "../../shared/events/attributes.ts";
import { toEventMessage } from "../../shared/events/amqp.ts";
import { cloudEvent } from "../../shared/events/cloud_event.ts";
import { checkPattern, MANY_WORDS_MAX } from "../../shared/events/pattern.ts";
import { selects } from "../../shared/events/selection.ts";
import { message, queued, queues, started } from "./broker_helpers.ts";

/** Bindings, and messages to each of them, of one run of a property. */
const BINDINGS = 30;
const MESSAGES = 60;

/** A word that fits once into a routing key. */
const LONG = "w".repeat(TYPE_BYTES - 20);

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

  async "publish() routes a new event to our queues alone, and a forwarded one by pattern or attribute"(
    broker,
  ) {
    const { exchanges, queues: ours, bindings } = eventTopology();
    await started(broker, {
      exchanges,
      queues: [...ours, ...queues("celeriac.paid", "celeriac.acme").queues],
      bindings: [
        ...bindings,
        { exchange: EVENT_TYPE_EXCHANGE, queue: "celeriac.paid", routingKey: "orders.*.paid" },
        {
          exchange: "match.event.celeriac",
          queue: "celeriac.acme",
          routingKey: "",
          arguments: { "x-match": "any", "cloudEvents_tenant": "acme" },
        },
      ],
    });
    const send = (type: string, tenant: string) =>
      Promise.all([ENTRY_EXCHANGE, EVENT_TYPE_EXCHANGE].map((exchange) =>
        broker.publish({
          ...message(exchange, type, `${type} ${tenant}`),
          headers: { cloudEvents_tenant: tenant },
        })
      ));
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
    for (const { name } of ours) assertEquals((await queued(broker, name)).length, 3, name);
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

  async "publish() routes types as a subscription with the same pattern matches them"(broker) {
    const patterns = sample(acceptedPattern, BINDINGS);
    await started(broker, {
      ...queues(...patterns.map((_, index) => `celeriac.q${index}`)),
      exchanges: [{ name: ENTRY_EXCHANGE, type: "topic", durable: true }],
      bindings: patterns.map((routingKey, index) => ({
        exchange: ENTRY_EXCHANGE,
        queue: `celeriac.q${index}`,
        routingKey,
      })),
    });
    const types = sample(topic("#", "*").filter((type) => type !== ""), MESSAGES);
    for (const type of types) {
      const event = cloudEvent({ specversion: "1.0", id: "1", source: "/shop", type });
      await broker.publish(toEventMessage(event, type), { mandatory: false });
    }
    for (const [index, pattern] of patterns.entries()) {
      const selection = { patterns: [pattern], where: {}, match: "all" as const };
      const matching = types.filter((type) =>
        selects(selection, cloudEvent({ specversion: "1.0", id: "1", source: "/shop", type }))
      );
      const bodies = await queued(broker, `celeriac.q${index}`);
      assertEquals(bodies.map((body) => JSON.parse(body).type), matching, pattern);
    }
  },

  async "publish() matches by all, by any, and a binding's null with any value that is present"(
    broker,
  ) {
    const bindings = {
      all: { "x-match": "all", tenant: "acme", urgent: true },
      any: { "x-match": "any", tenant: "acme", urgent: true },
      present: { "x-match": "all", tenant: "acme", urgent: null },
      either: { "x-match": "any", urgent: null },
    };
    await started(broker, {
      ...queues(...Object.keys(bindings).map((name) => `celeriac.${name}`)),
      exchanges: [{ name: "headers", type: "headers", durable: true }],
      bindings: Object.entries(bindings).map(([name, given]) => ({
        exchange: "headers",
        queue: `celeriac.${name}`,
        routingKey: "",
        arguments: given,
      })),
    });
    const sent: Record<string, Headers> = {
      both: { tenant: "acme", urgent: true },
      tenant: { tenant: "acme" },
      false: { tenant: "acme", urgent: false },
      text: { tenant: "other", urgent: "true" },
      none: { other: 1 },
    };
    for (const [body, headers] of Object.entries(sent)) {
      await broker.publish({ ...message("headers", "", body), headers }, { mandatory: false });
    }
    assertEquals(await queued(broker, "celeriac.all"), ["both"]);
    assertEquals(await queued(broker, "celeriac.any"), ["both", "tenant", "false"]);
    assertEquals(await queued(broker, "celeriac.present"), ["both", "false"]);
    assertEquals(await queued(broker, "celeriac.either"), ["both", "false", "text"]);
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

/** Few words, so that keys match often: an empty one, some with the characters of patterns inside, one beyond ASCII, and one that makes
 * a key nearly as long as AMQP permits. Bindings also have `#` between other words, as many as RabbitMQ 4.3 accepts. */
function topic(...more: string[]): fc.Arbitrary<string> {
  const word = fc.constantFrom("a", "b", "", "a*", "#b", "\u00fc\u{1f511}", LONG, ...more, ...more);
  return fc.array(word, { maxLength: 6 })
    .filter((words) => words.filter((one) => one === "#").length <= MANY_WORDS_MAX)
    .map((words) => words.join("."))
    .filter((key) => new TextEncoder().encode(key).length <= TYPE_BYTES);
}

/** Patterns that a subscription accepts. */
const acceptedPattern: fc.Arbitrary<string> = topic("*", "#").filter((pattern) => {
  try {
    checkPattern(pattern);
    return true;
  } catch {
    return false;
  }
});

const name = fc.constantFrom("cloudEvents_tenant", "cloudEvents_count", "constructor", "x-shard");
const value = fc.constantFrom<string | number | boolean>("acme", "1", 1, true, false, "");

const attributes: fc.Arbitrary<Headers> = fc.dictionary(name, value, { noNullPrototype: true });

const bindingArguments: fc.Arbitrary<Headers> = fc.record({
  match: fc.constantFrom("all", "any", "all-with-x", "any-with-x"),
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
