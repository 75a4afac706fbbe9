/** The rows of the matrix, in report order.
 * @module
 */
import type { Fault } from "../fault.ts";
import { apiKilled, apiKilledUnwritten } from "./api.ts";
import {
  brokerFrozen,
  brokerKilled,
  connectionsClosed,
  consumersCancelled,
  diskAlarm,
  memoryAlarm,
  queueDeleted,
  queueOverflown,
} from "./broker.ts";
import {
  bothSilent,
  databaseDown,
  databaseRestarted,
  diskFull,
  outboxDrained,
} from "./database.ts";
import { dispatcherKilled, subscriptionAdded } from "./dispatcher.ts";
import { leaderless } from "./majority.ts";
import { deaf, mute } from "./network.ts";
import { pausedKilled } from "./pause.ts";
import {
  clocksSkewed,
  workerDrained,
  workerFrozen,
  workerKilled,
  workersUpdated,
} from "./worker.ts";

/** Every fault. */
export const FAULTS: readonly Fault[] = [
  workerKilled,
  workerDrained,
  workersUpdated,
  workerFrozen,
  clocksSkewed,
  apiKilled,
  dispatcherKilled,
  subscriptionAdded,
  apiKilledUnwritten,
  brokerKilled,
  brokerFrozen,
  memoryAlarm,
  diskAlarm,
  queueOverflown,
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
  pausedKilled,
  leaderless,
];

/** Selects the faults whose names contain one of these comma-separated parts. */
export function chosenFaults(parts: string): readonly Fault[] {
  const wanted = parts.split(",").map((part) => part.trim());
  return FAULTS.filter(({ name }) => wanted.some((part) => name.includes(part)));
}
