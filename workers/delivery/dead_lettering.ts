/** Dead-letters messages that cannot be processed, with the reason. */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../../shared/broker/broker.ts";
import type { Headers } from "../../shared/broker/message.ts";
import { deadLetterHeaders, type DeadLetterReason } from "../../shared/dead_letters/letter.ts";
import { BrokerUnavailable, InvalidInput } from "../../shared/errors.ts";
import { DEAD_EXCHANGE } from "../../shared/broker/topology.ts";
import { pause } from "../../shared/runtime/waits.ts";
import type { DeliveryResult } from "./delivery_result.ts";

/** Milliseconds before the next try to publish a dead letter. */
const RETRY_PAUSE_MS = 500;

/** `copied`: a copy is in the dead letters; the caller acknowledges the delivery. `dropped`: no copy could be published; the delivery was
 * rejected and follows its queue's policy. `gone`: the channel closed; the message will be redelivered. */
export type DeadLetterOutcome = "copied" | "dropped" | "gone";

/** Headers that are needed to identify the task and decode its body. */
const IDENTIFYING: ReadonlySet<string> = new Set(["id", "task", "retries", "compression"]);

/** Publishes a copy with the reason in its headers. Resolves when the broker has confirmed it.
 *
 * If the original headers cannot be sent, the copy has only those that identify the task. */
export async function deadLetter(
  broker: Pick<Broker, "publish">,
  { delivery, queue, id, ignoreResult }: Pick<
    DeliveryResult,
    "delivery" | "queue" | "id" | "ignoreResult"
  >,
  reason: Omit<DeadLetterReason, "queue">,
): Promise<DeadLetterOutcome> {
  // Omits `userId`, because RabbitMQ accepts only the publisher's own, and `expiration`, which would delete the letter.
  const { expiration: _expiration, userId: _userId, ...properties } = delivery.message.properties;
  const { headers } = delivery.message;
  const identifying = Object.entries(headers).filter(([name]) => IDENTIFYING.has(name));
  const reasonHeaders = deadLetterHeaders({ ...reason, queue }, {
    failing: id !== null && !ignoreResult,
  });
  const copy = (headers: Headers) => ({
    exchange: DEAD_EXCHANGE,
    routingKey: queue,
    properties: { ...properties, deliveryMode: 2 as const },
    headers: { ...headers, ...reasonHeaders },
    body: delivery.message.body,
  });
  const copies = [copy(headers), copy(Object.fromEntries(identifying))];
  while (delivery.open) {
    try {
      await broker.publish(copies[0]!);
      return "copied";
    } catch (error) {
      if (error instanceof InvalidInput && copies.length > 1) {
        copies.shift();
      } else if (error instanceof BrokerUnavailable) {
        await pause(RETRY_PAUSE_MS);
      } else {
        // The queue's own policy may still dead-letter it.
        logger.error("Rejecting a message because its dead letter cannot be published: {error}", {
          error,
        });
        delivery.nack({ requeue: false });
        return "dropped";
      }
    }
  }
  return "gone";
}

const logger = getLogger(["celeriac", "worker"]);
