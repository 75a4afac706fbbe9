import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentsOfEvent, eventTask } from "../../../beat/event_tasks.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import { InvalidInput } from "../../../shared/errors.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { eventKey } from "../../../shared/events/event_key.ts";

const event = cloudEvent({
  ...{
    specversion: "1.0",
    id: "1",
    source: "/shop",
    type: "orders.paid",
    time: "2026-01-01T00:00:00Z",
  },
  data: { order: "17", total: 2n ** 60n },
});
const key = eventKey(event);
const context = { origin: "gen1@test", now: new Date(0) };
const subscription = (name: string, args: string | Record<string, string>) => ({
  name,
  deliver: { task: name, queue: "celeriac.default", args },
});

Deno.test("eventTask() makes the same message with shared arguments", () => {
  const given = new ArgumentsOfEvent(event);
  const all = [
    subscription("a", "/data"),
    subscription("b", "/data"),
    subscription("c", { order: "/data/order" }),
    subscription("d", { order: "/data/order" }),
    subscription("e", { order: "/data/total" }),
  ];
  const shared = all.map((one) => eventTask({ event, key, given }, one, context));
  for (const [index, { task, entry }] of shared.entries()) {
    const alone = eventTask({ event, key }, all[index]!, context);
    assertEquals([task, entry.message], [alone.task, alone.entry.message]);
  }
  const [a, b, c, d, e] = shared.map(({ entry }) => entry.message.body);
  assert(a === b && c === d && b !== c && d !== e);
  assertEquals(decodeTask(shared[1]!.entry.message).kwargs, { order: "17", total: 2n ** 60n });
  assertEquals(shared[3]!.task.kwargsRepr, "{'order': '17'}");
});

Deno.test("eventTask() refuses each subscription for which the event has no arguments", () => {
  const given = new ArgumentsOfEvent(event);
  for (const name of ["a", "b"]) {
    assertThrows(
      () => eventTask({ event, key, given }, subscription(name, "/data/order"), context),
      InvalidInput,
      "Cannot take arguments from '/data/order'",
    );
  }
});
