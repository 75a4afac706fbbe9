/** Sends what cannot be worked on to the dead letters, with the reason. */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../../shared/broker/broker.ts";
import type { Headers } from "../../shared/broker/message.ts";
import { deadLetterHeaders, type DeadLetterReason } from "../../shared/dead_letters/letter.ts";
import { BrokerUnavailable, InvalidInput } from "../../shared/errors.ts";
import { DEAD_EXCHANGE } from "../../shared/broker/topology.ts";
import type { DeliveryResult } from "./delivery_result.ts";

/** Pause before a dead letter that the broker did not take is tried again. */
const RETRY_PAUSE_MS = 500;

/** What became of a message: a copy is among the dead letters, and the delivery still to be acked; no copy could be made, and the
 * delivery was left to its queue's policy; or its channel has gone meanwhile, and it comes again. */
export type DeadLetterOutcome = "copied" | "dropped" | "gone";

/** Headers without which nobody knows whose body it is, or can read it. */
const NAMING: ReadonlySet<string> = new Set(["id", "task", "retries", "compression"]);

/** Publishes a copy with its reason in headers, and resolves when it is confirmed.
 *
 * Where the message's own headers cannot be sent, the copy bears only those that say which task it is. */
export async function deadLetter(
  broker: Pick<Broker, "publish">,
  { delivery, queue, id, ignoreResult }: Pick<
    DeliveryResult,
    "delivery" | "queue" | "id" | "ignoreResult"
  >,
  grounds: Omit<DeadLetterReason, "queue">,
): Promise<DeadLetterOutcome> {
  // Without `userId`, which would have to be our own, and `expiration`, by which the letter would vanish.
  const { expiration: _expiration, userId: _userId, ...properties } = delivery.message.properties;
  const { headers } = delivery.message;
  const naming = Object.entries(headers).filter(([name]) => NAMING.has(name));
  const told = deadLetterHeaders({ ...grounds, queue }, {
    failing: id !== null && !ignoreResult,
  });
  const copy = (headers: Headers) => ({
    exchange: DEAD_EXCHANGE,
    routingKey: queue,
    properties: { ...properties, deliveryMode: 2 as const },
    headers: { ...headers, ...told },
    body: delivery.message.body,
  });
  const copies = [copy(headers), copy(Object.fromEntries(naming))];
  while (delivery.open) {
    try {
      await broker.publish(copies[0]!);
      return "copied";
    } catch (error) {
      if (error instanceof InvalidInput && copies.length > 1) {
        copies.shift();
      } else if (error instanceof BrokerUnavailable) {
        await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
      } else {
        // Without a place for dead letters the queue's own policy is the net below.
        logger.error("Dead letter without its reason: {error}", { error });
        delivery.nack({ requeue: false });
        return "dropped";
      }
    }
  }
  return "gone";
}

const logger = getLogger(["celeriac", "worker"]);
