/** Exchanges, queues and bindings that a process declares.
 * @module
 */
import type { Headers } from "./message.ts";

/** Types of exchanges that RabbitMQ itself provides. */
export const EXCHANGE_TYPES = ["direct", "topic", "fanout", "headers"] as const;

/** An exchange. */
export interface Exchange {
  readonly name: string;
  readonly type: typeof EXCHANGE_TYPES[number];
  readonly durable: boolean;
}

/** A queue. */
export interface Queue {
  readonly name: string;
  /** Default: the vhost's default type, as a Celery worker declares its queues. */
  readonly type?: "quorum" | "classic";
}

/** A binding of a queue to an exchange. */
export interface Binding {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
  readonly arguments?: Headers;
}

/** The least of a topology that a process needs. */
export interface Declaration {
  readonly exchanges: readonly Exchange[];
  readonly queues: readonly Queue[];
  readonly bindings: readonly Binding[];
}
