/** A delivery's part of its trace. */
import type { Delivery } from "../../shared/broker/broker.ts";
import { pythonRepr } from "../../shared/celery/exception.ts";
import { traced, traceFailure, tracing } from "../../shared/telemetry/tracing.ts";
import type { DeliveryResult } from "./delivery_result.ts";

/** Works a delivery in a span below that of its sender; what the work sends on is seen below it. */
export function traceDelivery(
  { message: { headers } }: Delivery,
  queue: string,
  work: () => Promise<void>,
): Promise<void> {
  if (!tracing) return work();
  const { task, id } = headers;
  const subject = {
    kind: "process",
    task: typeof task === "string" ? task : queue,
    queue,
    ...(typeof id === "string" && { id }),
  } as const;
  return traced(subject, headers, work);
}

/** Says on the delivery's span that its attempt failed. */
export function traceOutcome({ outcome }: DeliveryResult): void {
  if (tracing && "error" in outcome) traceFailure(pythonRepr(outcome.error.exception));
}
