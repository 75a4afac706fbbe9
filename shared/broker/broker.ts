/** The seam to a message broker: AMQP 0-9-1 in production, memory in embedded mode. */
import type { Service } from "../runtime/service.ts";
import type { Declaration } from "./declaration.ts";
import type { Destination, Headers, Message } from "./message.ts";

/** One message handed to one consumer and not yet answered. */
export interface Delivery {
  readonly message: Message;
  readonly redelivered: boolean;
  /** `false` once its channel is gone: then `ack` and `nack` do nothing, and the broker hands the message out again. */
  readonly open: boolean;
  /** Aborts when its channel goes, with what ended it as the reason where the broker said so; many deliveries share it, so whoever listens
   * must stop listening. */
  readonly gone: AbortSignal;
  ack(): void;
  /** Gives the message back (`requeue: true`) or sets it aside as the queue's policy says. */
  nack(options: { requeue: boolean }): void;
}

/** A consumer that outlives connections. */
export interface Subscription extends AsyncDisposable {
  readonly queue: string;
  /** Whether the broker has accepted the present consume. */
  readonly active: boolean;
  /** Time of the last delivery or of the last accepted consume, milliseconds of `performance.now()`. */
  readonly lastActivity: number;
  /** Messages that wait in the queue for any consumer, as the broker counts them.
   *
   * @throws {BrokerUnavailable} while the consume does not stand */
  ready(): Promise<number>;
  /** Stops fetching. The channel stays open, so that deliveries in hand can still be answered. */
  cancel(): Promise<void>;
  /** Cancels, then closes the channel: what is still unanswered goes back to the queue. */
  close(): Promise<void>;
}

/** The answer to a message sent with {@linkcode PublishOptions.reply}. */
export interface ReplyOptions {
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Called at most once for each reply that bears the message's `correlationId`. */
  receive(reply: Message): void;
}

/** How to publish. */
export interface PublishOptions {
  /** Gives up waiting for the confirm; the broker may take the message all the same. */
  readonly signal?: AbortSignal;
  /** Default `true`: a message for which there is no queue is an {@linkcode Unroutable} error. Must be `false` for direct replies. */
  readonly mandatory?: boolean;
  /** Sets `replyTo` to the direct reply-to of the very channel that publishes, and hears the replies. */
  readonly reply?: ReplyOptions;
}

/** How to consume. */
export interface ConsumeOptions {
  /** Deliveries that may be unanswered at once. */
  readonly prefetch: number;
}

/** How to overhear an exchange. */
export interface ListenOptions {
  /** Binding keys; `[""]` for a fanout. */
  readonly keys: string[];
  /** Name of the exclusive queue; the broker chooses one when absent. */
  readonly queue?: string;
  /** Arguments of the queue. */
  readonly arguments?: Headers;
}

/** Where a broker stands. */
export interface BrokerStatus {
  /** `blocked`: consuming works, publishing waits (memory or disk alarm). */
  readonly state: "stopped" | "connecting" | "connected" | "blocked";
  /** What an operator should read; never holds a password. */
  readonly reason?: string;
}

/** A message broker. Subscriptions and declarations outlive connections: the implementation reconnects for ever, with backoff. */
export interface Broker extends Service {
  readonly status: BrokerStatus;
  /** Destinations that confirm nothing at the moment: a message to one of them would be rejected at once. */
  readonly unconfirmed: readonly Destination[];
  /** Resolves when connected; rejects with the signal's reason. */
  connected(options?: { signal?: AbortSignal }): Promise<void>;
  /** Makes what is missing if this user may configure, otherwise checks that it is there. Never changes what exists.
   *
   * @throws {TopologyMissing} naming what is missing and the command that mends it */
  declare(declaration: Declaration): Promise<void>;
  /** Resolves when the broker has taken responsibility.
   *
   * @throws {Unroutable} when no queue is bound for the routing key
   * @throws {BrokerUnavailable} when it did not confirm in time, refused, or is not connected */
  publish(message: Message, options?: PublishOptions): Promise<void>;
  /** Resolves when the broker accepted the consumer for the first time. */
  consume(
    queue: string,
    onDelivery: (delivery: Delivery) => void,
    options: ConsumeOptions,
  ): Promise<Subscription>;
  /** Overhears an exchange through an exclusive queue that goes with the connection and comes back with the next; nothing to answer. */
  listen(
    exchange: string,
    onMessage: (message: Message) => void,
    options: ListenOptions,
  ): Promise<Subscription>;
}
