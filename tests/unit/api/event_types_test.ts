import { assertEquals } from "@std/assert";
import { EventContracts } from "../../../shared/events/event_contracts.ts";
import { defineEvent, z } from "../../../shared/mod.ts";
import { createFixture } from "./fixture.ts";

const contracts = new EventContracts([
  defineEvent({
    type: "orders.paid",
    summary: "An order is paid",
    data: z.object({ order: z.string(), paid: z.coerce.date() }),
    attributes: { tenant: z.string(), urgent: z.boolean().optional() },
    example: { order: "17", paid: "2030-01-02T03:04:05Z" },
  }),
  defineEvent({ type: "alarm" }),
]);

const NONE = () => Promise.resolve([]);

Deno.test("GET /v1/events/types lists the contracts with JSON Schemas", async () => {
  await using fixture = await createFixture({}, {
    events: {
      contracts,
      publisher: { publish: () => Promise.reject(new Error("not used")) },
      subscriptions: { of: NONE },
      store: {
        find: () => Promise.resolve(undefined),
        before: NONE,
        after: NONE,
        lastPosition: () => Promise.resolve(0),
      },
    },
  });
  const answer = await fixture.app.request("/v1/events/types");
  const { open, types } = await answer.json();
  assertEquals([answer.status, open, types.length], [200, false, 2]);
  assertEquals(types[0], {
    ...{ type: "alarm", summary: null, data: {}, attributes: {}, required: [], example: null },
  });
  const { data, ...paid } = types[1];
  assertEquals([data.type, Object.keys(data.properties), data.required], [
    "object",
    ["order", "paid"],
    ["order", "paid"],
  ]);
  assertEquals(paid, {
    type: "orders.paid",
    summary: "An order is paid",
    attributes: { tenant: { type: "string" }, urgent: { type: "boolean" } },
    required: ["tenant"],
    example: { order: "17", paid: "2030-01-02T03:04:05Z" },
  });
  assertEquals((await fixture.app.request("/v1/events/types?x=1")).status, 422);
});
