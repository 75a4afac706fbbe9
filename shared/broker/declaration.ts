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
  readonly type?: "quorum" | "classic" | "stream";
  /** One consumer at a time receives its messages; the broker chooses the next one when it leaves. Default `false`. The memory broker
   * ignores it, because its only process has one consumer. */
  readonly singleActiveConsumer?: boolean;
}

/** A binding of a queue or of another exchange to an exchange. */
export type Binding = BindingRule & (QueueDestination | ExchangeDestination);

/** The messages that a binding selects. */
interface BindingRule {
  /** The exchange that messages come from. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly arguments?: Headers;
}

interface QueueDestination {
  readonly queue: string;
  readonly toExchange?: undefined;
}

interface ExchangeDestination {
  /** The exchange that messages go to (RabbitMQ's extension `exchange.bind`). */
  readonly toExchange: string;
  readonly queue?: undefined;
}

/** Arguments of a queue's declaration. */
export function queueArguments({ type, singleActiveConsumer = false }: Queue): Headers {
  return {
    ...(type !== undefined && { "x-queue-type": type }),
    ...(singleActiveConsumer && { "x-single-active-consumer": true }),
  };
}

/** The exchanges, queues and bindings that a process needs. */
export interface Declaration {
  readonly exchanges: readonly Exchange[];
  readonly queues: readonly Queue[];
  readonly bindings: readonly Binding[];
}

/** A RabbitMQ policy. Only the matching policy with the highest priority applies to a queue. */
export interface Policy {
  readonly name: string;
  /** Regular expression (PCRE), unanchored. */
  readonly pattern: string;
  /** Must be unique: RabbitMQ picks among equal priorities at random. */
  readonly priority: number;
  readonly definition: Readonly<Record<string, string | number>>;
}

/** The whole topology, including policies. */
export interface Topology extends Declaration {
  readonly policies: readonly Policy[];
}
