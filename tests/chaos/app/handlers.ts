/** The handler of the fault matrix.
 * @module
 */
import { handle } from "../../../workers/mod.ts";
import * as contracts from "./contracts.ts";

export const workHandler = handle(contracts.work, async ({ number, milliseconds }) => {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return number;
});
