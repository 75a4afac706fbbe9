/** The matrix' rows, in the order of the report.
 * @module
 */
import type { Fault } from "../fault.ts";
import { brokerKilled, connectionsClosed } from "./broker.ts";
import { workerKilled } from "./worker.ts";

/** Every fault. */
export const FAULTS: readonly Fault[] = [
  workerKilled,
  brokerKilled,
  connectionsClosed,
];
