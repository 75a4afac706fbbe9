/** Traces: from the request that submits a task to its handler and to the tasks that the handler sends.
 *
 * Spans are OpenTelemetry's, exported by Deno itself (`OTEL_DENO=true`; Deno documentation, "OpenTelemetry"), which needs no permission.
 * A message carries its trace in the headers of W3C Trace Context, `traceparent` and `tracestate`. OpenTelemetry's instrumentation of
 * Celery uses the same headers, so a trace continues across both. Without `OTEL_DENO` nothing here costs anything.
 * @module
 */
import { context, propagation, type Span, SpanKind, trace } from "@opentelemetry/api";

/** Whether this process creates spans: Deno installs a propagator only if it exports them. */
export const tracing: boolean = propagation.fields().length > 0;

/** Variables that configure Deno's export; child processes of a worker receive them. */
export const TRACING_VARIABLES: readonly string[] = [
  "OTEL_DENO",
  "OTEL_DENO_CONSOLE",
  "OTEL_SERVICE_NAME",
  "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_PROPAGATORS",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_BSP_SCHEDULE_DELAY",
];

/** Headers that carry a trace from one process to another. */
export type Carrier = Readonly<Record<string, unknown>>;

/** The subject of a span. */
export interface SpanSubject {
  readonly kind: "send" | "process" | "run";
  /** Name of the task. */
  readonly task: string;
  readonly queue?: string;
  readonly id?: string;
}

/** The current trace, for the next process; `undefined` without tracing. */
export function presentTrace(): Carrier | undefined {
  return tracing ? carried(context.active()) : undefined;
}

/** Records the creation of a message.
 *
 * @returns headers to send with it, so that its consumers continue the trace */
export function traceSent(task: string, queue: string, id: string): Record<string, string> {
  const span = start({ kind: "send", task, queue, id });
  span.end();
  return carried(trace.setSpan(context.active(), span));
}

/** Runs work in a span below the carrier's trace. The span ends with the work and records an error that it throws.
 *
 * @param parent if absent, or without a trace, a new trace begins */
export function traced<Result>(
  subject: SpanSubject,
  parent: Carrier | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!tracing) return work();
  return context.with(propagation.extract(context.active(), parent ?? {}), async () => {
    const span = start(subject);
    try {
      return await context.with(trace.setSpan(context.active(), span), work);
    } catch (error) {
      span.setStatus({ code: ERROR, message: String(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Marks the current span as failed. */
export function traceFailure(message: string): void {
  trace.getActiveSpan()?.setStatus({ code: ERROR, message });
}

/** `SpanStatusCode.ERROR`, which is a const enum. */
const ERROR = 2;

const KINDS = {
  send: SpanKind.PRODUCER,
  process: SpanKind.CONSUMER,
  run: SpanKind.INTERNAL,
} as const;

/** Attributes according to OpenTelemetry's messaging conventions. */
function start({ kind, task, queue, id }: SpanSubject): Span {
  const attributes = {
    "messaging.system": "rabbitmq",
    "messaging.operation.name": kind,
    "celeriac.task": task,
    ...(queue !== undefined && { "messaging.destination.name": queue }),
    ...(id !== undefined && { "messaging.message.id": id }),
  };
  return trace.getTracer("celeriac").startSpan(`${kind} ${task}`, {
    kind: KINDS[kind],
    attributes,
  });
}

function carried(from: ReturnType<typeof context.active>): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(from, carrier);
  return carrier;
}
