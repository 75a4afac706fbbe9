import { defineEvent, defineTask, on, z } from "../../../shared/mod.ts";

export const orderPaid = defineEvent({
  type: "orders.eu.paid",
  data: z.object({ order: z.string() }),
  attributes: { tenant: z.string().optional() },
});

export const priceChanged = defineEvent({ type: "prices.changed" });

/** Returns the event that it received. */
export const keep = defineTask({
  name: "shop.keep",
  input: z.object({ event: z.record(z.string(), z.unknown()) }),
  output: z.unknown(),
});

export const kept = on("#", { name: "kept", task: keep });

/** A Python task. */
export const shipped = on("orders.*.paid", {
  name: "shipped",
  task: "proj.ship",
  queue: "celery",
  args: { order: "/data/order" },
});
