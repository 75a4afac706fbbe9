/** Exchanges, queues and bindings that a process declares.
 * @module
 */
import type { Headers } from "./message.ts";

/** Exchange types built into RabbitMQ. */
export const EXCHANGE_TYPES = ["direct", "topic", "fanout", "headers"] as const;

export interface Exchange {
  readonly name: string;
  readonly type: typeof EXCHANGE_TYPES[number];
  readonly durable: boolean;
}

export interface Queue {
  readonly name: string;
  /** Default: the vhost's default queue type, as for the queues that a Celery worker declares. */
  readonly type?: "quorum" | "classic";
}

/** A binding of a queue to an exchange. */
export interface Binding {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
  readonly arguments?: Headers;
}

/** The exchanges, queues and bindings that a process needs. */
export interface Declaration {
  readonly exchanges: readonly Exchange[];
  readonly queues: readonly Queue[];
  readonly bindings: readonly Binding[];
}
