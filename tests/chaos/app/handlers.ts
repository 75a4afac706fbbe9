/** The handlers of the fault matrix.
 * @module
 */
import { type Context, handle, Retry } from "../../../workers/mod.ts";
import * as contracts from "./contracts.ts";

const insertEffect = "insert into chaos_effect (task_id) values ($1)";

/** Inserts a row in the transaction that stores the final result. */
function leaveEffect({ complete, id }: Pick<Context, "complete" | "id">, result: number) {
  return complete(async (sql) => {
    await sql.query(insertEffect, [id]);
    return result;
  });
}

async function work(input: { number: number; milliseconds: number }, context: Context) {
  await new Promise((resolve) => setTimeout(resolve, input.milliseconds));
  return input.number % 5 === 0 ? leaveEffect(context, input.number) : input.number;
}

export const workHandler = handle(contracts.work, work);

export const asideHandler = handle(contracts.aside, work);

export const addHandler = handle(contracts.add, ({ x, y }, context) => leaveEffect(context, x + y));

export const totalHandler = handle(contracts.total, ({ numbers }, context) => {
  return leaveEffect(context, numbers.reduce((sum, number) => sum + number, 0));
});

export const flakyHandler = handle(contracts.flaky, ({ number }, context) => {
  if (context.attempt === 1) throw new Retry("the first attempt", { countdown: 1 });
  return leaveEffect(context, number);
});

export const silentHandler = handle(contracts.silent, ({ number }) => number);

export const happenedHandler = handle(contracts.happened, ({ number }, context) => {
  return leaveEffect(context, number);
});
