/** All measurements, in the order of the report.
 * @module
 */
import { backlog } from "./backlog.ts";
import { drain } from "./drain.ts";
import { endToEnd } from "./end_to_end.ts";
import { events } from "./events.ts";
import { idlePickUp } from "./idle_pickup.ts";
import { idleWorker } from "./idle_worker.ts";
import { ladder } from "./ladder.ts";
import { listing } from "./listing.ts";
import type { Measurement } from "./measurement.ts";
import { recordDetails } from "./record_details.ts";
import { refusal } from "./refusal.ts";
import { submissions } from "./submissions.ts";
import { waitedCalls } from "./waited_calls.ts";

export const MEASUREMENTS: readonly Measurement[] = [
  endToEnd,
  drain,
  ladder,
  recordDetails,
  submissions,
  waitedCalls(1),
  waitedCalls(16),
  idlePickUp,
  events,
  backlog,
  listing,
  refusal,
  idleWorker,
];
