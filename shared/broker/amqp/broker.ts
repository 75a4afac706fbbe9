/** The production broker: RabbitMQ over AMQP 0-9-1. */
import { getLogger } from "@logtape/logtape";
import type { ChannelModel } from "amqplib";
import { BrokerUnavailable, TopologyMissing } from "../../errors.ts";
import { parseAmqpUrls } from "./address.ts";
import { AmqpConnection } from "./connection.ts";
import { consumer } from "./consume.ts";
import { declare } from "./declare.ts";
import { listener } from "./listen.ts";
import { measure } from "./measure.ts";
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
  QueueMeasure,
  Subscription,
} from "../broker.ts";
import type { Declaration } from "../declaration.ts";
import type { Destination, Message } from "../message.ts";
import { checkPrefetch, nameTaken, notMeasured, stopped } from "../errors.ts";
import { pause } from "../../runtime/waits.ts";

const log = getLogger(["celeriac", "broker"]);

/** Milliseconds until a declare is retried after the connection was lost. */
const DECLARE_RETRY_MS = 100;

const UNRESPONSIVE: BrokerStatus = { state: "blocked", reason: "the broker confirms nothing" };

/** Default of `maxInFlight`. A channel blocked by a queue always buffers 200 more messages before RabbitMQ stops reading the connection. */
const MAX_IN_FLIGHT = 200;

/** Options of {@linkcode AmqpBroker}. */
export interface AmqpBrokerOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps:`; several nodes of one cluster separated by `;`. `?heartbeat=` overrides `heartbeat`. */
  readonly url: string;
  /** Connection name in the management UI. */
  readonly name: string;
  /** Milliseconds to wait for a confirm. Default 5,000. */
  readonly confirmTimeoutMs?: number;
  /** Milliseconds without any confirm from a destination after which all its messages fail at once, before their own timeout. Default: never. */
  readonly silenceMs?: number;
  /** Milliseconds of nothing but nacks from a queue after which a new channel is opened for it. Default 5,000. */
  readonly refusalMs?: number;
  /** Maximum number of unconfirmed messages per destination. Default and upper limit 200: RabbitMQ stops reading the connection of a
   * channel with 400 unprocessed messages. */
  readonly maxInFlight?: number;
  /** Seconds. A dead connection is detected after two to three intervals, so another one consumes within 15 s even on a busy machine.
   * Default 3. */
  readonly heartbeat?: number;
  /** Timeout of a connection attempt in milliseconds. Default 5,000. */
  readonly connectTimeoutMs?: number;
}

/** Uses one connection to publish and one to consume, because an alarm of the broker blocks only publishing connections. */
export class AmqpBroker implements Broker {
  readonly #publishing: AmqpConnection;
  readonly #consuming: AmqpConnection;
  readonly #publisher: AmqpPublisher;
  readonly #subscriptions = new Set<AmqpSubscription>();
  readonly #declared: Declaration[] = [];
  #stopped = false;

  /** @throws {ConfigurationError} for an invalid URL */
  constructor(options: AmqpBrokerOptions) {
    const { url, name, confirmTimeoutMs = 5000, maxInFlight = MAX_IN_FLIGHT } = options;
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
      onOpen: (connection) => this.#redeclare(connection),
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
    return status.state === "connected" && this.#publisher.silent ? UNRESPONSIVE : status;
  }

  start(): Promise<void> {
    this.#publishing.start();
    this.#consuming.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#publisher.idle();
    const endings = [...this.#subscriptions].map((subscription) => subscription.end());
    await Promise.all([...endings, this.#consuming.stop(), this.#publishing.stop()]);
    this.#subscriptions.clear();
  }

  async connected({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#consuming.opened(signal);
    await this.#publishing.opened(signal);
  }

  async declare(declaration: Declaration): Promise<void> {
    while (!await this.#declareOn(await this.#consuming.opened(), declaration)) {
      if (this.#stopped) throw stopped();
      await pause(DECLARE_RETRY_MS);
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
    return await this.#start(consumer(this.#consuming, queue, onDelivery, options));
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
    return this.#start(listener(this.#consuming, exchange, onMessage, options));
  }

  async measure(queue: string): Promise<QueueMeasure | undefined> {
    const { state, reason = "the broker is not connected" } = this.#consuming.status;
    if (state === "stopped" || state === "connecting") throw notMeasured(queue, reason);
    try {
      return await measure(await this.#consuming.opened(), queue);
    } catch (error) {
      throw notMeasured(queue, explain(error, this.#consuming.address), error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(subscription: AmqpSubscription): Promise<Subscription> {
    // After stop() there is never a connection, so start() would wait forever.
    if (this.#stopped) throw stopped();
    const started = subscription.start();
    this.#subscriptions.add(subscription);
    subscription.ended.finally(() => this.#subscriptions.delete(subscription));
    await started;
    return subscription;
  }

  /** @returns `false` when the connection was lost */
  async #declareOn(connection: ChannelModel, declaration: Declaration): Promise<boolean> {
    try {
      await declare(connection, declaration);
      return true;
    } catch (error) {
      if (error instanceof TopologyMissing) throw error;
      // Only an error sent by the broker has a numeric code.
      if (typeof codeOf(error) !== "number") return false;
      throw new BrokerUnavailable(
        `Cannot declare queues and exchanges because ${explain(error, this.#publishing.address)}`,
        { cause: error },
      );
    }
  }

  /** Restores what a broker restart or an administrator has deleted.
   *
   * @throws when the connection was lost; errors of the broker are only logged */
  async #redeclare(connection: ChannelModel): Promise<void> {
    for (const declaration of this.#declared) {
      const survived = await this.#declareOn(connection, declaration).catch((error) => {
        log.warn("Cannot redeclare queues and exchanges: {error}", { error });
        return true;
      });
      if (!survived) throw new Error("the connection was lost while queues were declared");
    }
  }
}
