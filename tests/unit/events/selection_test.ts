import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import {
  EVENT_MATCH_EXCHANGE,
  EVENT_TYPE_EXCHANGE,
  eventTopology,
} from "../../../shared/broker/event_topology.ts";
import { toEventMessage } from "../../../shared/events/amqp.ts";
import { type CloudEvent, cloudEvent } from "../../../shared/events/cloud_event.ts";
import { eventKey } from "../../../shared/events/event_key.ts";
import { MANY_WORDS_MAX } from "../../../shared/events/pattern.ts";
import {
  bindingArguments,
  checkSelection,
  type Selection,
  selects,
} from "../../../shared/events/selection.ts";
import { queued, queues, started } from "../../support/broker_helpers.ts";

const word = fc.constantFrom("orders", "eu", "paid", "*", "#", "a-b");
const pattern = fc.array(word, { minLength: 1, maxLength: 4 })
  .filter((words) => words.filter((one) => one === "#").length <= MANY_WORDS_MAX)
  .map((words) => words.join("."));
const type = pattern.map((words) => words.replaceAll(/[*#]/g, "us"));
const value = fc.constantFrom<string | number | boolean>("acme", "1", 1, true, "");
const name = fc.constantFrom("tenant", "count", "constructor");

const event: fc.Arbitrary<CloudEvent> = fc.record({
  type,
  extensions: fc.dictionary(name, value, { noNullPrototype: true }),
}).map(({ type, extensions }) =>
  cloudEvent({ ...extensions, specversion: "1.0", id: "1", source: "/s", type })
);

const selection: fc.Arbitrary<Selection> = fc.record({
  patterns: fc.uniqueArray(pattern, { minLength: 1, maxLength: 3 }),
  where: fc.dictionary(name, fc.oneof(value, fc.constant(null)), { noNullPrototype: true }),
  match: fc.constantFrom("all" as const, "any" as const),
}).filter(({ where, match }) => match === "all" || Object.keys(where).length > 0);

Deno.test("selects() selects the events that a broker routes by the patterns and by the attributes", async () => {
  await fc.assert(
    fc.asyncProperty(selection, fc.array(event, { maxLength: 20 }), async (selection, list) => {
      checkSelection(selection);
      await using broker = new MemoryBroker();
      const topology = eventTopology();
      await started(broker, {
        exchanges: topology.exchanges,
        queues: [...topology.queues, ...queues("celeriac.type", "celeriac.where").queues],
        bindings: [
          ...topology.bindings,
          ...selection.patterns.map((routingKey) => ({
            exchange: EVENT_TYPE_EXCHANGE,
            queue: "celeriac.type",
            routingKey,
          })),
          {
            exchange: EVENT_MATCH_EXCHANGE,
            queue: "celeriac.where",
            routingKey: "",
            arguments: bindingArguments(selection),
          },
        ],
      });
      const events = list.map((one, index) => cloudEvent({ ...one, id: String(index) }));
      for (const one of events) {
        const message = toEventMessage(one, eventKey(one));
        await broker.publish({ ...message, exchange: EVENT_TYPE_EXCHANGE }, { mandatory: false });
      }
      const ids = async (queue: string) =>
        (await queued(broker, queue)).map((body) => JSON.parse(body).id as string);
      const byType = await ids("celeriac.type");
      const byAttributes = new Set(await ids("celeriac.where"));
      assertEquals(
        events.filter((one) => selects(selection, one)).map(({ id }) => id),
        byType.filter((id) => byAttributes.has(id)),
      );
    }),
    { numRuns: 60 },
  );
});

Deno.test("selects() selects by core attributes, too", () => {
  const one = cloudEvent({ specversion: "1.0", id: "1", source: "/s", type: "a.b", subject: "x" });
  const where = (where: Selection["where"], match: Selection["match"] = "all") =>
    selects({ patterns: ["#"], where, match }, one);
  assertEquals([where({ source: "/s" }), where({ source: "/t" })], [true, false]);
  assertEquals([where({ subject: null }), where({ time: null })], [true, false]);
  assertEquals([where({ time: null, id: "1" }), where({ time: null, id: "1" }, "any")], [
    false,
    true,
  ]);
});
