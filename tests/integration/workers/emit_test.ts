import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Delivery } from "../../../shared/broker/broker.ts";
import { INBOX_QUEUE } from "../../../shared/broker/event_topology.ts";
import { readEventMessage } from "../../../shared/events/amqp.ts";
import type { CloudEvent } from "../../../shared/events/cloud_event.ts";
import { eventKey } from "../../../shared/events/event_key.ts";
import { EventContracts } from "../../../shared/events/event_contracts.ts";
import { defineEvent, defineTask, z } from "../../../shared/mod.ts";
import { handle } from "../../../workers/mod.ts";
import { eventually } from "../../support/eventually.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

const paid = defineEvent({ type: "orders.paid", data: z.object({ order: z.string() }) });
const events = new EventContracts([paid]);
const input = z.object({ order: z.string() });

/** Fails its first attempt after it has emitted. */
const pay = defineTask({ name: "pay", input, retry: { maxAttempts: 2, base: 0.01 } });
const payHandler = handle(pay, ({ order }, { emit, attempt }) => {
  emit({ type: "orders.paid", data: { order }, subject: order });
  if (attempt === 1) throw new Error("not yet");
  emit({ type: "orders.paid", data: { order: `${order} again` } });
  return attempt;
});

/** Emits and fails for good. */
const fail = defineTask({ name: "fail", input, retry: { maxAttempts: 1 } });
const failHandler = handle(fail, ({ order }, { emit }) => {
  emit({ type: "orders.paid", data: { order } });
  throw new Error("never");
});

/** Keeps no record. */
const quiet = defineTask({ name: "quiet", input, ignoreResult: true });
const quietHandler = handle(quiet, ({ order }, { emit }) => {
  emit({ type: "orders.paid", data: { order } });
});

/** Its work in the transaction runs twice. */
const book = defineTask({ name: "book", input, retry: { maxAttempts: 1 } });
let runs = 0;
const bookHandler = handle(book, ({ order }, { emit, complete }) => {
  emit({ type: "orders.paid", data: { order: `${order} before` } });
  return complete(async (sql) => {
    emit({ type: "orders.paid", data: { order: `${order} within` } });
    if (++runs === 1) {
      await sql.query(
        "do $$ begin raise exception using errcode = 'serialization_failure'; end $$",
      );
    }
    return order;
  });
});

const wrong = defineTask({
  name: "wrong",
  input: z.object({ event: z.any() }),
  retry: { maxAttempts: 1 },
});
const wrongHandler = handle(wrong, ({ event }, { emit }) => emit(event));

for (const results of ["native", "django"] as const) {
  Deno.test(`emit() publishes events if and only if their task succeeds (${results})`, async () => {
    const handlers = [payHandler, failHandler, quietHandler, bookHandler, wrongHandler];
    await using fixture = await startWorkerFixture(handlers, { results }, { events });
    runs = 0;
    const received: CloudEvent[] = [];
    await fixture.broker.consume(INBOX_QUEUE, (delivery: Delivery) => {
      received.push(readEventMessage(delivery.message));
      delivery.ack();
    }, { prefetch: 100 });
    const orders = () => received.map(({ data }) => (data as { order: string }).order).sort();

    const failed = await fixture.submit("fail", { order: "none" });
    assertEquals((await fixture.final(failed)).state, "FAILURE");
    const succeeded = await fixture.submit("pay", { order: "one" });
    assertEquals((await fixture.final(succeeded)).result, "2");
    await fixture.submit("quiet", { order: "quiet" });
    await eventually("three events", () => received.length >= 3);
    assertEquals(orders(), ["one", "one again", "quiet"]);
    const { source, subject, id } = received.find((one) => one.subject === "one")!;
    assertEquals([source, subject], ["/celeriac", "one"]);
    // The id, and so the key, has the time of the task.
    assertEquals(eventKey({ source, id }).slice(0, 13), succeeded.slice(0, 13));

    const booked = await fixture.submit("book", { order: "book" });
    assertEquals((await fixture.final(booked)).state, "SUCCESS");
    await eventually("five events", () => received.length >= 5);
    assertEquals(orders().slice(0, 2), ["book before", "book within"]);
    assertEquals(runs, 2);

    for (
      const [event, message] of [
        [{ type: "order.paid" }, "did you mean 'orders.paid'?"],
        [{ type: "orders.paid", data: {} }, "its data.order is invalid"],
        [{ type: "orders.paid", data: { order: "x".repeat(2 ** 20) } }, "the limit is 1048576"],
        [{ type: "orders.paid", data: { order: "x" }, Tenant: 1 }, "attribute 'Tenant'"],
        ["orders.paid", "it is no object"],
      ] as const
    ) {
      const { state, exception } = await fixture.final(await fixture.submit("wrong", { event }));
      assertEquals(state, "FAILURE");
      assertStringIncludes(String(exception?.exc_message), message);
    }
    await eventually("an empty outbox", async () => (await fixture.outbox.depth()).total === 0);
    assertEquals(received.length, 5);
  });
}
