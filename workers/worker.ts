/** The worker: one consumer a queue, one executor, one settler. */
import { getLogger } from "@logtape/logtape";
import type { Broker, Declaration, Delivery } from "../shared/broker/broker.ts";
import type { Service } from "../shared/service.ts";
import { Consumer } from "./consumer.ts";
import type { Control } from "./control.ts";
import type { Executor } from "./executor.ts";
import type { Run } from "./run.ts";
import type { Runner } from "./runner.ts";

/** Once handlers are abandoned: time to answer their deliveries before the channels close, which also gives them back. */
const SETTLE_MS = 5000;
/** Pause before a delivery goes back that could not be settled, lest it spin. */
const GIVE_BACK_MS = 1000;

/** What a worker works with. */
export interface WorkerOptions {
  readonly broker: Broker;
  /** What it needs on the broker: made where it may be, otherwise checked. */
  readonly declaration: Declaration;
  readonly queues: readonly string[];
  /** Deliveries in hand, a queue. */
  readonly prefetch: number;
  readonly executor: Executor;
  readonly runner: Runner;
  readonly settler: { settle(run: Run): Promise<void> };
  readonly control: Control;
  /** Seconds that running handlers get when the worker stops. */
  readonly grace: number;
}

/** Why an attempt was abandoned: the reason of its `context.signal`. */
class Stopping extends Error {
  override readonly name = "Stopping";
}

/** Consumes, runs and settles until it is stopped. */
export class Worker implements Service {
  readonly #options: WorkerOptions;
  readonly #consumers: Consumer[];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #hurried = Promise.withResolvers<void>();

  constructor(options: WorkerOptions) {
    const { broker, queues, prefetch } = options;
    this.#options = options;
    this.#consumers = queues.map((queue) =>
      new Consumer({
        broker,
        queue,
        prefetch,
        onDelivery: (delivery) => this.#work(delivery, queue),
      })
    );
  }

  /** Whether every queue is being consumed. */
  get consuming(): boolean {
    return this.#consumers.every((consumer) => consumer.active);
  }

  /** Queues that are not being consumed now. */
  get silent(): string[] {
    return this.#consumers.filter((consumer) => !consumer.active).map(({ queue }) => queue);
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Deliveries not answered yet. */
  get inHand(): number {
    return this.#consumers.reduce((sum, consumer) => sum + consumer.inHand, 0);
  }

  /** Resolves when every queue is consumed: waits for a broker that is away. */
  start(): Promise<void> {
    return this.#starting ??= this.#start();
  }

  /** Stops fetching, lets running handlers finish within the grace, settles them and gives the rest back: no attempt is spent. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** Cuts the grace short: handlers that still run are abandoned and their deliveries given back. */
  hurry(): void {
    this.#hurried.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    const { broker, declaration, control } = this.#options;
    await broker.connected();
    await broker.declare(declaration);
    await control.start();
    await Promise.all(this.#consumers.map((consumer) => consumer.start()));
  }

  async #stop(): Promise<void> {
    const { runner, grace, control } = this.#options;
    runner.close();
    await Promise.all(this.#consumers.map((consumer) => consumer.cancel()));
    const idle = Promise.all(this.#consumers.map((consumer) => consumer.idle()));
    await within(grace * 1000, idle, this.#hurried.promise);
    if (this.inHand > 0) {
      logger.warn("Giving back {count} deliveries that did not finish in time", {
        count: this.inHand,
      });
      runner.abandon(new Stopping("The worker is stopping"));
      await within(SETTLE_MS, idle);
    }
    await Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    await control.stop();
  }

  async #work(delivery: Delivery, queue: string): Promise<void> {
    try {
      const run = await this.#options.executor.execute(delivery, queue);
      // nack and never reject: from RabbitMQ 4.3 on it costs the message no delivery.
      if (run) await this.#options.settler.settle(run);
      else delivery.nack({ requeue: true });
    } catch (error) {
      logger.error("Delivery from {queue} goes back as it could not be settled: {error}", {
        queue,
        error,
      });
      await within(GIVE_BACK_MS);
      delivery.nack({ requeue: true });
    }
  }
}

/** Waits for the first of these, at most so long. */
async function within(ms: number, ...events: Promise<unknown>[]): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms);
  await Promise.race([...events, over.promise]);
  clearTimeout(timer);
}

const logger = getLogger(["celeriac", "worker"]);
