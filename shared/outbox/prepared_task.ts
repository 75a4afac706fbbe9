/** Signature -> message for the broker or the outbox, and its PENDING record. */
import type { Message } from "../broker/message.ts";
import { destinationOf, TASK_EXCHANGE } from "../broker/topology.ts";
import {
  type EncodeContext,
  encodeTask,
  type IdentifiedSignature,
  taskReprs,
} from "../celery/message.ts";
import { InvalidInput } from "../errors.ts";
import { submitterOf } from "../results/submitter_header.ts";
import { labelsOf } from "../results/labels.ts";
import type { PendingTask } from "../results/result.ts";
import { traceSent, tracing } from "../telemetry/tracing.ts";
import { dueOf, type OutboxEntry } from "./outbox.ts";
import type { RoutedSignature } from "./submission.ts";

/** Bytes of one message's body: 64 MiB, the largest body that any route of the API accepts. A broker may have a lower limit. */
const BODY_MAX_BYTES = 64 * 1024 * 1024;

/** A task that is ready to be published or stored. */
export interface PreparedTask {
  readonly task: PendingTask;
  readonly entry: OutboxEntry;
}

/** Encodes a signature.
 *
 * @param context.origin the sender in Celery's format, `gen<pid>@<host>`
 * @param context.now the time of submission
 * @param context.reprs as of `taskReprs`, and `context.body` as of `taskBody`, if the caller has them
 * @throws {InvalidInput} when a Python worker would crash on the message or lose it, or its body is too large */
export function prepareTask(
  signature: RoutedSignature & IdentifiedSignature,
  { origin, now, ...known }: Omit<EncodeContext, "destination">,
): PreparedTask {
  const { queue, taskId, exchange, routingKey, eta, countdown, retries = 0 } = signature.options;
  const destination = exchange === undefined
    ? destinationOf(queue)
    : { exchange, routingKey: routingKey ?? queue };
  const reprs = known.reprs ?? taskReprs(signature);
  const encoded = encodeTask(tracing ? traced(signature) : signature, {
    origin,
    destination,
    now,
    ...known,
    reprs,
  });
  if (encoded.body.length > BODY_MAX_BYTES) {
    throw new InvalidInput(
      `Cannot submit task '${signature.task}' because its message has ${encoded.body.length} bytes and the limit is ${BODY_MAX_BYTES}: pass less, or store the data elsewhere and pass a reference`,
      "args",
    );
  }
  const submittedBy = submitterOf(signature.options.headers);
  const labels = labelsOf(signature.options.stamps);
  return {
    task: {
      id: taskId,
      name: signature.task,
      queue,
      ...reprs,
      ...(labels && { labels }),
      ...(submittedBy !== undefined && { submittedBy }),
      submittedAt: now,
    },
    entry: {
      taskId,
      retries,
      due: eta ? dueOf(eta, now) : performance.now() + (countdown ?? 0) * 1000,
      message: destination.exchange === TASK_EXCHANGE ? withoutExpiration(encoded) : encoded,
    },
  };
}

/** Adds the trace's headers; the sender's own headers win. */
function traced<Sent extends RoutedSignature & IdentifiedSignature>(signature: Sent): Sent {
  const { task, options } = signature;
  const headers = { ...traceSent(task, options.queue, options.taskId), ...options.headers };
  return { ...signature, options: { ...options, headers } };
}

/** Celeriac's own queues rely on the header `expires`: if the broker dropped the message, no process would write REVOKED. */
function withoutExpiration(message: Message): Message {
  const { expiration: _, ...properties } = message.properties;
  return { ...message, properties };
}
