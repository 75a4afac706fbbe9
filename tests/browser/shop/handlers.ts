/** Handlers of the app on the documentation's screenshots.
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { handle, Reject } from "../../../workers/mod.ts";
import * as contracts from "./contracts.ts";

class GatewayTimeout extends Error {}
class WarehouseUnreachable extends Error {}

export const confirm = handle(contracts.confirm, async ({ order }) => {
  await delay(20 + order % 40);
  return { confirmed: `order-${order}`, total: `${order % 90 + 10}.00 EUR` };
});

/** The payment provider does not answer the first attempt of each seventh order, and never that of order 4711. */
export const capture = handle(contracts.capture, async ({ order }, { attempt }) => {
  await delay(30 + order % 50);
  if (order === 4711 || (order % 7 === 0 && attempt === 1)) {
    throw new GatewayTimeout("The payment provider did not answer within 10 s");
  }
  return { receipt: `receipt-${order}` };
});

export const invoice = handle(contracts.invoice, async ({ order }) => {
  await delay(60);
  return { pages: order % 3 + 1, bytes: 40_000 + order };
});

export const mail = handle(contracts.mail, async ({ to }) => {
  await delay(15);
  if (!to.includes("@")) throw new Reject(`'${to}' is not an address`);
});

export const reindex = handle(contracts.reindex, async (_input, { progress, signal }) => {
  for (let documents = 0; documents < 48_000; documents += 120) {
    progress({ documents, of: 48_000 });
    await delay(500, undefined, { signal });
  }
  return { documents: 48_000 };
});

export const stock = handle(contracts.stock, async ({ warehouse }) => {
  await delay(40);
  if (warehouse === "oslo") throw new WarehouseUnreachable("no route to the warehouse 'oslo'");
  return { items: 1834 };
});
