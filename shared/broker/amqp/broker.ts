/** The broker of production: RabbitMQ over AMQP 0-9-1. */
import { getLogger } from "@logtape/logtape";
import type { ChannelModel } from "amqplib";
import { BrokerUnavailable, TopologyMissing } from "../../errors.ts";
import { parseAmqpUrls } from "./address.ts";
import { AmqpConnection } from "./connection.ts";
import { consumer } from "./consume.ts";
import { declare } from "./declare.ts";
import { listener } from "./listen.ts";
import { AmqpPublisher } from "./publisher.ts";
import { codeOf, explain } from "./reason.ts";
import type { AmqpSubscription } from "./subscription.ts";
import type {
  Broker,
  BrokerStatus,
  ConsumeOptions,
  Delivery,
  ListenOptions,
  PublishOptions,
  Subscription,
} from "../broker.ts";
import type { Declaration } from "../declaration.ts";
import type { Destination, Message } from "../message.ts";
import { checkPrefetch, nameTaken, stopped } from "../errors.ts";
import { pause } from "../../runtime/waits.ts";

const log = getLogger(["celeriac", "broker"]);

/** Milliseconds between the loss of a connection amid a declare and the next try. */
const DECLARE_AGAIN_MS = 100;

const SILENT: BrokerStatus = { state: "blocked", reason: "the broker confirms nothing" };

/** A channel that is stopped by a queue takes 200 messages more, in any case, before RabbitMQ stops reading the connection. */
const IN_FLIGHT = 200;

/** How to reach RabbitMQ. */
export interface AmqpBrokerOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps:`; several nodes of one cluster separated by `;`. `?heartbeat=` wins over {@linkcode heartbeat}. */
  readonly url: string;
  /** Name of the connections in the management UI. */
  readonly name: string;
  /** Milliseconds until a message counts as not taken. Default 5,000. */
  readonly confirmTimeoutMs?: number;
  /** Milliseconds without any confirm by a destination after which its messages are given up at once: nobody waits for the bound then. Default: never. */
  readonly silenceMs?: number;
  /** Milliseconds of nothing but refusals (nacks) by one queue after which it is asked over a fresh channel. Default 5,000. */
  readonly refusalMs?: number;
  /** Messages to one destination that may be with the broker and not confirmed. Default 200, and no more: RabbitMQ stops reading the connection of a channel that has 400 unprocessed. */
  readonly maxInFlight?: number;
  /** Seconds; a silent broker is noticed after two to three of them: so that another connection consumes within 15 s, on a busy machine, too. Default 3. */
  readonly heartbeat?: number;
  /** Milliseconds until an attempt to connect is given up. Default 5,000. */
  readonly connectTimeoutMs?: number;
}

/** Two connections, one that publishes and one that consumes: an alarm of the broker blocks only those that publish. */
export class AmqpBroker implements Broker {
  readonly #publishing: AmqpConnection;
  readonly #consuming: AmqpConnection;
  readonly #publisher: AmqpPublisher;
  readonly #subscriptions = new Set<AmqpSubscription>();
  readonly #declared: Declaration[] = [];
  #stopped = false;

  /** @throws {ConfigurationError} when the URL cannot be one */
  constructor(options: AmqpBrokerOptions) {
    const { url, name, confirmTimeoutMs = 5000, maxInFlight = IN_FLIGHT } = options;
    const common = {
      addresses: parseAmqpUrls(url),
      heartbeat: options.heartbeat ?? 3,
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
    };
    this.#publisher = new AmqpPublisher({
      confirmTimeoutMs,
      maxInFlight,
      silenceMs: options.silenceMs,
      refusalMs: options.refusalMs ?? 5000,
      status: () => this.#stopped ? { state: "stopped" } : this.#publishing.status,
      broken: (reason) => this.#publishing.restart(reason),
    });
    this.#publishing = new AmqpConnection({
      ...common,
      name: `${name} (publishing)`,
      onOpen: (connection) => this.#publisher.open(connection),
      onLost: () => this.#publisher.lost(),
      onBlocked: () => this.#publisher.blocked(),
    });
    this.#consuming = new AmqpConnection({
      ...common,
      name: `${name} (consuming)`,
      onOpen: (connection) => this.#declareAgain(connection),
      onLost: () => {},
    });
  }

  get status(): BrokerStatus {
    const consuming = this.#consuming.status;
    return consuming.state === "connected" ? this.#publishingStatus : consuming;
  }

  get unconfirmed(): Destination[] {
    return this.#publisher.unconfirmed;
  }

  get #publishingStatus(): BrokerStatus {
    const { status } = this.#publishing;
    return status.state === "connected" && this.#publisher.silent ? SILENT : status;
  }

  start(): Promise<void> {
    this.#publishing.start();
    this.#consuming.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#publisher.idle();
    const ending = [...this.#subscriptions].map((subscription) => subscription.end());
    await Promise.all([...ending, this.#consuming.stop(), this.#publishing.stop()]);
    this.#subscriptions.clear();
  }

  async connected({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#consuming.opened(signal);
    await this.#publishing.opened(signal);
  }

  async declare(declaration: Declaration): Promise<void> {
    while (!await this.#declareOn(await this.#consuming.opened(), declaration)) {
      if (this.#stopped) throw stopped();
      await pause(DECLARE_AGAIN_MS);
    }
    this.#declared.push(declaration);
  }

  publish(message: Message, options?: PublishOptions): Promise<void> {
    return this.#publisher.publish(message, options);
  }

  async consume(
    queue: string,
    onDelivery: (delivery: Delivery) => void,
    options: ConsumeOptions,
  ): Promise<Subscription> {
    checkPrefetch(queue, options.prefetch);
    return await this.#begin(consumer(this.#consuming, queue, onDelivery, options));
  }

  listen(
    exchange: string,
    onMessage: (message: Message) => void,
    options: ListenOptions,
  ): Promise<Subscription> {
    const { queue } = options;
    if (queue !== undefined && [...this.#subscriptions].some((other) => other.queue === queue)) {
      return Promise.reject(nameTaken(queue));
    }
    return this.#begin(listener(this.#consuming, exchange, onMessage, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #begin(subscription: AmqpSubscription): Promise<Subscription> {
    // One that can never start would wait for ever.
    if (this.#stopped) throw stopped();
    const started = subscription.start();
    this.#subscriptions.add(subscription);
    subscription.ended.finally(() => this.#subscriptions.delete(subscription));
    await started;
    return subscription;
  }

  /** @returns `false` when the connection was lost meanwhile */
  async #declareOn(connection: ChannelModel, declaration: Declaration): Promise<boolean> {
    try {
      await declare(connection, declaration);
      return true;
    } catch (error) {
      if (error instanceof TopologyMissing) throw error;
      // Only an answer of the broker has a number.
      if (typeof codeOf(error) !== "number") return false;
      throw new BrokerUnavailable(
        `Cannot declare queues and exchanges because ${explain(error, this.#publishing.address)}`,
        { cause: error },
      );
    }
  }

  /** What is not durable went with the broker, and what is durable may have been deleted.
   *
   * @throws when the connection was lost meanwhile; what the broker refuses is logged */
  async #declareAgain(connection: ChannelModel): Promise<void> {
    for (const declaration of this.#declared) {
      const lived = await this.#declareOn(connection, declaration).catch((error) => {
        log.warn("Cannot declare again: {error}", { error });
        return true;
      });
      if (!lived) throw new Error("the connection was lost while queues were declared");
    }
  }
}
