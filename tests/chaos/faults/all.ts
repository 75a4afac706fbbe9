/** The matrix' rows, in the order of the report.
 * @module
 */
import type { Fault } from "../fault.ts";
import { apiKilled } from "./api.ts";
import {
  brokerFrozen,
  brokerKilled,
  connectionsClosed,
  consumersCancelled,
  memoryAlarm,
  queueDeleted,
} from "./broker.ts";
import {
  bothSilent,
  databaseDown,
  databaseRestarted,
  diskFull,
  outboxDrained,
} from "./database.ts";
import { deaf, mute } from "./network.ts";
import { workerDrained, workerFrozen, workerKilled } from "./worker.ts";

/** Every fault. */
export const FAULTS: readonly Fault[] = [
  workerKilled,
  workerDrained,
  workerFrozen,
  apiKilled,
  brokerKilled,
  brokerFrozen,
  memoryAlarm,
  connectionsClosed,
  consumersCancelled,
  queueDeleted,
  deaf,
  mute,
  databaseRestarted,
  databaseDown,
  diskFull,
  bothSilent,
  outboxDrained,
];
