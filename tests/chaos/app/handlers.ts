/** The handler of the fault matrix.
 * @module
 */
import { handle } from "../../../workers/mod.ts";
import * as contracts from "./contracts.ts";

const insertEffect = "insert into chaos_effect (task_id) values ($1)";

export const workHandler = handle(contracts.work, async (input, { id, complete }) => {
  await new Promise((resolve) => setTimeout(resolve, input.milliseconds));
  if (input.number % 5 !== 0) return input.number;
  return complete(async (sql) => {
    await sql.query(insertEffect, [id]);
    return input.number;
  });
});
