/** Contracts of the app on the documentation's screenshots: a web shop.
 * @module
 */
import { defineEvent, defineTask, on, schedule, z } from "../../../shared/mod.ts";

const order = z.int().min(1).describe("Number of the order");

export const confirm = defineTask({
  name: "orders.confirm",
  summary: "Confirms an order to its customer",
  input: z.object({ order, customer: z.string(), locale: z.string().default("en") }),
  output: z.object({ confirmed: z.string(), total: z.string() }),
  queue: "celeriac.orders",
});

export const capture = defineTask({
  name: "payments.capture",
  summary: "Captures the payment of an order",
  input: z.object({ order, amount: z.string() }),
  output: z.object({ receipt: z.string() }),
  queue: "celeriac.payments",
  retry: { maxAttempts: 3, base: 0.2, jitter: 0 },
});

export const invoice = defineTask({
  name: "invoices.render",
  summary: "Renders an invoice as PDF",
  input: z.object({ order }),
  output: z.object({ pages: z.int(), bytes: z.int() }),
  queue: "celeriac.documents",
});

export const mail = defineTask({
  name: "mail.send",
  summary: "Sends a message",
  input: z.object({ to: z.string(), template: z.string() }),
  queue: "celeriac.mail",
});

export const reindex = defineTask({
  name: "search.reindex",
  summary: "Builds the search index again",
  input: z.object({ index: z.string() }),
  output: z.object({ documents: z.int() }),
  queue: "celeriac.batch",
});

export const stock = defineTask({
  name: "stock.sync",
  summary: "Reads the stock of a warehouse",
  input: z.object({ warehouse: z.string() }),
  output: z.object({ items: z.int() }),
  queue: "celeriac.batch",
});

export const paid = defineEvent({
  type: "orders.paid",
  summary: "An order was paid",
  data: z.object({ order }),
});

export const paidInvoice = on(paid, { name: "invoice-of-paid-order", task: invoice });

export const hourly = schedule({
  name: "stock-of-berlin",
  task: stock,
  cron: "0 * * * *",
  timezone: "Europe/Berlin",
  kwargs: { warehouse: "berlin" },
});
export const nightly = schedule({
  name: "nightly-reindex",
  task: reindex,
  cron: "30 3 * * *",
  timezone: "Asia/Seoul",
  kwargs: { index: "products" },
});
