/** Handlers of the measured app.
 * @module
 */
import { handle } from "../../../workers/mod.ts";
import { nowMs } from "../programs/load_loops.ts";
import * as contracts from "./contracts.ts";

export const add = handle(contracts.add, ({ x, y }) => x + y);
export const stamp = handle(contracts.stamp, () => nowMs());
