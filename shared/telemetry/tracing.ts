/** Traces: the way of a task from the request that submitted it to its handler and what that sends on.
 *
 * Spans are OpenTelemetry's, exported by Deno itself (`OTEL_DENO=true`; Deno documentation, "OpenTelemetry"), which needs no permission.
 * A message carries its trace in the headers of W3C Trace Context, `traceparent` and `tracestate`, where OpenTelemetry's instrumentation of
 * Celery writes and reads them, too: a trace goes on across both. Without `OTEL_DENO` nothing here costs anything.
 * @module
 */
import { context, propagation, type Span, SpanKind, trace } from "@opentelemetry/api";

/** Whether this process makes spans: Deno sets up how traces travel only where it exports them. */
export const tracing: boolean = propagation.fields().length > 0;

/** Variables by which Deno is told what to export and where; children of a worker are given them. */
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

/** What carries a trace from one process to another: headers by name. */
export type Carrier = Readonly<Record<string, unknown>>;

/** What a span is about. */
export interface SpanSubject {
  readonly kind: "send" | "process" | "run";
  /** Name of the task. */
  readonly task: string;
  readonly queue?: string;
  readonly id?: string;
}

/** The present trace, to be carried on; `undefined` where nothing traces. */
export function presentTrace(): Carrier | undefined {
  return tracing ? carried(context.active()) : undefined;
}

/** Tells of a message that is made now.
 *
 * @returns headers to send with it, so that what comes of it is seen below */
export function traceSent(task: string, queue: string, id: string): Record<string, string> {
  const span = start({ kind: "send", task, queue, id });
  span.end();
  return carried(trace.setSpan(context.active(), span));
}

/** Does work in a span below what a carrier tells of. The span ends when the work does, and tells of an error that it throws.
 *
 * @param parent without one, or one that carries no trace, a trace begins */
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

/** Says on the present span that what it is about failed. */
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

/** Attributes as OpenTelemetry's conventions for messaging have them. */
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
