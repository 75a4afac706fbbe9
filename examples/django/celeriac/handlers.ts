/** Handlers of the tasks that the shop has moved to Celeriac. */
import { handle } from "@celeriac/celeriac/worker";
import { shipping } from "./contracts.ts";

/** Won per kilogram. */
const RATES: ReadonlyMap<string, number> = new Map([["KR", 1500], ["JP", 9000], ["DE", 14_000]]);

/** Django catches it as the Python class named by `pythonClass`. */
class NotServed extends Error {
  readonly pythonClass = "shop.errors.NotServed";
}

export const shippingHandler = handle(shipping, ({ weight, country }) => {
  const rate = RATES.get(country);
  if (rate === undefined) throw new NotServed(country);
  return Math.ceil(weight) * rate;
});
