/** Sends what cannot be worked on to the dead letters, with the reason. */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import { type Grounds, groundsHeaders } from "../shared/dead_letters/letter.ts";
import { BrokerUnavailable } from "../shared/errors.ts";
import { DEAD_EXCHANGE } from "../shared/topology.ts";
import type { Run } from "./run.ts";

/** Pause before a dead letter that the broker did not take is tried again. */
const RETRY_PAUSE_MS = 500;

/** Publishes a copy with its reason in headers, and resolves when it is confirmed.
 *
 * @returns `false` when the delivery was answered otherwise, or its channel has gone meanwhile: then the message comes again */
export async function setAside(
  broker: Pick<Broker, "publish">,
  { delivery, queue }: Pick<Run, "delivery" | "queue">,
  grounds: Omit<Grounds, "queue">,
): Promise<boolean> {
  // Without `userId`, which would have to be our own, and `expiration`, by which the letter would vanish.
  const { expiration: _expiration, userId: _userId, ...properties } = delivery.message.properties;
  const message = {
    exchange: DEAD_EXCHANGE,
    routingKey: queue,
    properties: { ...properties, deliveryMode: 2 as const },
    headers: { ...delivery.message.headers, ...groundsHeaders({ ...grounds, queue }) },
    body: delivery.message.body,
  };
  while (delivery.open) {
    try {
      await broker.publish(message);
      return true;
    } catch (error) {
      if (!(error instanceof BrokerUnavailable)) {
        // Without a place for dead letters the queue's own policy is the net below.
        logger.error("Dead letter without its reason: {error}", { error });
        delivery.nack({ requeue: false });
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
    }
  }
  return false;
}

const logger = getLogger(["celeriac", "worker"]);
