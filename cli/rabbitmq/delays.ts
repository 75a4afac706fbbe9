/** The exchanges and queues in which Celery, from 5.5, delays messages inside the broker (kombu/transport/native_delayed_delivery.py).
 *
 * Level N holds a message for 2^N seconds if digit N of its delay is 1, and passes it on to level N-1 in any case. Celery's own workers
 * declare all this when they start, and RabbitMQ refuses whatever differs: so the arguments here are theirs.
 * @module
 */
import { DELAYED_EXCHANGE } from "../../shared/broker/topology.ts";
import type { Definitions } from "./document.ts";

/** Binary digits of a delay in seconds. */
const LEVELS = 28;

/** Type of the queues that hold messages, as Celery's setting `broker_native_delayed_delivery_queue_type`. */
export type DelayQueueType = "quorum" | "classic";

/** All levels of delay, for a project whose tasks are worked by workers of ours alone. Not the exchange where messages come out: that is
 * part of our topology.
 *
 * @example
 * ```ts
 * import { delayLevels } from "./delays.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { exchanges, queues, bindings } = delayLevels("celeriac", "quorum");
 * assertEquals([exchanges.length, queues.length, bindings.length], [28, 28, 56]);
 * assertEquals(queues[2]?.arguments["x-message-ttl"], 4000);
 * assertEquals(bindings[0]?.routing_key, `${"*.".repeat(27)}1.#`);
 * ```
 */
export function delayLevels(
  vhost: string,
  type: DelayQueueType,
): Pick<Definitions, "exchanges" | "queues" | "bindings"> {
  const levels = Array.from({ length: LEVELS }, (_, level) => level);
  const below = (level: number) => level === 0 ? DELAYED_EXCHANGE : nameOf(level - 1);
  const binding = (level: number, to: string, kind: "queue" | "exchange", digit: 0 | 1) => ({
    vhost,
    source: nameOf(level),
    destination: to,
    destination_type: kind,
    routing_key: `${"*.".repeat(LEVELS - 1 - level)}${digit}.#`,
    arguments: {},
  });
  return {
    exchanges: levels.map((level) => ({
      vhost,
      name: nameOf(level),
      type: "topic",
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    })),
    queues: levels.map((level) => ({
      vhost,
      name: nameOf(level),
      durable: true,
      auto_delete: false,
      arguments: {
        "x-queue-type": type,
        "x-overflow": "reject-publish",
        "x-message-ttl": 2 ** level * 1000,
        "x-dead-letter-exchange": below(level),
        ...(type === "quorum" ? { "x-dead-letter-strategy": "at-least-once" } : {}),
      },
    })),
    bindings: levels.flatMap((level) => [
      binding(level, nameOf(level), "queue", 1),
      binding(level, below(level), "exchange", 0),
    ]),
  };
}

function nameOf(level: number): string {
  return `celery_delayed_${level}`;
}
