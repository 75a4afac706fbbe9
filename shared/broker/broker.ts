/** The interface to a message broker: AMQP 0-9-1 in production, memory in embedded mode. */
import type { Service } from "../runtime/service.ts";
import type { Declaration } from "./declaration.ts";
import type { Destination, Headers, Message } from "./message.ts";

/** An unacked message that the broker delivered to one consumer. */
export interface Delivery {
  readonly message: Message;
  readonly redelivered: boolean;
  /** `false` once its channel is closed. `ack` and `nack` then do nothing, and the broker redelivers the message. */
  readonly open: boolean;
  /** Aborts when the channel closes; the reason is the broker's error, if it sent one. All deliveries of a channel share the signal, so
   * remove listeners after use. */
  readonly gone: AbortSignal;
  ack(): void;
  /** Requeues the message (`requeue: true`), or dead-letters it according to the queue's policy. */
  nack(options: { requeue: boolean }): void;
}

/** A consumer that survives reconnects. */
export interface Subscription extends AsyncDisposable {
  readonly queue: string;
  /** Whether the broker has accepted the consumer on the current channel. */
  readonly active: boolean;
  /** Time of the last delivery or the last accepted consume, in milliseconds of `performance.now()`. */
  readonly lastActivity: number;
  /** Number of ready messages in the queue, as the broker counts them.
   *
   * @throws {BrokerUnavailable} while the consumer is not active */
  ready(): Promise<number>;
  /** Stops fetching. The channel stays open, so unacked deliveries can still be acked. */
  cancel(): Promise<void>;
  /** Cancels, then closes the channel: the broker requeues all unacked deliveries. */
  close(): Promise<void>;
}

/** How to receive replies to a message; see {@linkcode PublishOptions.reply}. */
export interface ReplyOptions {
  /** Stops receiving replies. */
  readonly signal: AbortSignal;
  /** Called at most once for each reply with the message's `correlationId`. */
  receive(reply: Message): void;
}

/** Options of {@linkcode Broker.publish}. */
export interface PublishOptions {
  /** Stops waiting for the confirm; the broker may still accept the message. */
  readonly signal?: AbortSignal;
  /** Default `true`: a message that no queue receives fails with {@linkcode Unroutable}. Must be `false` for direct replies. */
  readonly mandatory?: boolean;
  /** Sets `replyTo` to the direct reply-to address of the publishing channel and receives the replies. */
  readonly reply?: ReplyOptions;
}

/** Options of {@linkcode Broker.consume}. */
export interface ConsumeOptions {
  /** Maximum number of unacked deliveries. */
  readonly prefetch: number;
}

/** Options of {@linkcode Broker.listen}. */
export interface ListenOptions {
  /** Binding keys; `[""]` for a fanout. */
  readonly keys: string[];
  /** Name of the exclusive queue. Default: a name that the broker generates. */
  readonly queue?: string;
  /** Queue arguments. */
  readonly arguments?: Headers;
}

/** Connection status of a broker. */
export interface BrokerStatus {
  /** `blocked`: consuming works, publishing does not (memory or disk alarm). */
  readonly state: "stopped" | "connecting" | "connected" | "blocked";
  /** The cause, for operators; never contains a password. */
  readonly reason?: string;
}

/** Counts of a queue. */
export interface QueueMeasure {
  /** Messages that no consumer has received. */
  readonly ready: number;
  readonly consumers: number;
}

/** A message broker. Implementations reconnect forever, with backoff; subscriptions and declarations survive a reconnect. */
export interface Broker extends Service {
  readonly status: BrokerStatus;
  /** Destinations that currently confirm nothing: a message to one of them fails at once. */
  readonly unconfirmed: readonly Destination[];
  /** Resolves when connected; rejects with the signal's reason. */
  connected(options?: { signal?: AbortSignal }): Promise<void>;
  /** Creates missing exchanges, queues and bindings if the user has configure permission; otherwise checks that they exist. Never
   * changes existing ones.
   *
   * @throws {TopologyMissing} with the missing items and the command that creates them */
  declare(declaration: Declaration): Promise<void>;
  /** Resolves when the broker has confirmed the message.
   *
   * @throws {Unroutable} when no queue is bound for the routing key
   * @throws {BrokerUnavailable} when the broker did not confirm in time, rejected the message, or is not connected */
  publish(message: Message, options?: PublishOptions): Promise<void>;
  /** Resolves when the broker has accepted the consumer for the first time. */
  consume(
    queue: string,
    onDelivery: (delivery: Delivery) => void,
    options: ConsumeOptions,
  ): Promise<Subscription>;
  /** Receives the messages of an exchange without acks, through an exclusive queue. The queue is deleted with its connection and
   * recreated on the next one. */
  listen(
    exchange: string,
    onMessage: (message: Message) => void,
    options: ListenOptions,
  ): Promise<Subscription>;
  /** Counts the ready messages and the consumers of a queue.
   *
   * @returns `undefined` if the queue does not exist
   * @throws {BrokerUnavailable} when not connected, or the user has no permission on the queue */
  measure(queue: string): Promise<QueueMeasure | undefined>;
}
