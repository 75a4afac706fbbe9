/** Spans of deliveries. */
import type { Delivery } from "../../shared/broker/broker.ts";
import { pythonRepr } from "../../shared/celery/exception.ts";
import { traced, traceFailure, tracing } from "../../shared/telemetry/tracing.ts";
import type { DeliveryResult } from "./delivery_result.ts";

/** Runs `work` in a child span of the sender's span. Messages that it publishes continue the trace. */
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

/** Records a failed attempt on the delivery's span. */
export function traceOutcome({ outcome }: DeliveryResult): void {
  if (tracing && "error" in outcome) traceFailure(pythonRepr(outcome.error.exception));
}
