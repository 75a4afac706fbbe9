/** The worker: one consumer a queue, one executor, one settler. */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import type { Declaration } from "../shared/broker/declaration.ts";
import type { Service } from "../shared/runtime/service.ts";
import { waitAtMost } from "../shared/runtime/waits.ts";
import { consumedDeclaration } from "../shared/broker/topology.ts";
import { Consumer } from "../shared/broker/consuming/consumer.ts";
import { Consumers } from "../shared/broker/consuming/consumers.ts";
import type { AddOptions, WorkerControls } from "./control/control_context.ts";
import { waitForTopology } from "./wait_for_topology.ts";
import type { Executor } from "./delivery/executor.ts";
import type { Holds } from "./delivery/holds.ts";
import { HeldDelivery } from "./delivery/held_delivery.ts";
import type { InFlight } from "./delivery/in_flight.ts";
import type { Prefetch } from "./prefetch.ts";
import type { DeliveryResult } from "./delivery/delivery_result.ts";
import type { Runner } from "./running/runner.ts";
import type { Pools } from "./sandbox/pools.ts";
import { traceDelivery, traceOutcome } from "./delivery/delivery_tracing.ts";

/** Once handlers are abandoned: time to answer their deliveries before the channels close, which also gives them back. */
const SETTLE_MS = 5000;
/** From one look at the prefetch to the next. */
const ADAPT_MS = 2000;
/** Pause before a delivery goes back that could not be settled, lest it spin. */
const GIVE_BACK_MS = 1000;

/** What a worker works with. */
export interface WorkerOptions {
  readonly broker: Broker;
  /** What it needs on the broker: made where it may be, otherwise checked. */
  readonly declaration: Declaration;
  readonly queues: readonly string[];
  /** Deliveries in hand at most, by queue. */
  readonly prefetch: Pick<Prefetch, "of" | "isOutdated">;
  readonly executor: Executor;
  readonly runner: Runner;
  readonly pools: Pick<Pools, "size" | "resize">;
  readonly settler: { settle(run: DeliveryResult): Promise<void> };
  readonly holds: Pick<Holds, "release" | "free">;
  readonly inFlight: Pick<InFlight, "over">;
  readonly rates: { close(): void };
  readonly control: Service;
  /** Seconds that running handlers get when the worker stops. */
  readonly grace: number;
}

/** Why an attempt was abandoned: the reason of its `context.signal`. */
class Stopping extends Error {
  override readonly name = "Stopping";
}

/** Consumes, runs and settles until it is stopped. */
export class Worker implements Service, WorkerControls {
  readonly #options: WorkerOptions;
  readonly #consumers: Consumers;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #missing: string | undefined;
  #adaptedAt = performance.now();
  /** Work that has not ended: on deliveries, and on messages that are leased. */
  readonly #working = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  readonly #hurried = Promise.withResolvers<void>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#consumers = new Consumers(
      options.queues,
      (queue, emptyRenewals) => this.#consumer(queue, emptyRenewals),
    );
  }

  /** Queues that are consumed, or would be if the broker let it. */
  get queues(): string[] {
    return this.#consumers.queues;
  }

  /** Queues that are not being consumed now. */
  get silent(): string[] {
    return this.#consumers.silent;
  }

  /** Queues in which messages wait, of which two consumers that the broker has accepted brought none, one after the other. */
  get stalled(): string[] {
    return this.#consumers.stalled;
  }

  /** Inline handlers at once. */
  get concurrency(): number {
    return this.#options.runner.inline.size;
  }

  /** Child processes for each set of permissions. */
  get children(): number {
    return this.#options.pools.size;
  }

  /** Deliveries in hand at most, of all queues. */
  get prefetch(): number {
    return this.#consumers.prefetch;
  }

  /** What the broker lacks, and how to mend that, while the worker waits for it. */
  get missing(): string | undefined {
    return this.#missing;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Deliveries not answered yet; those of leased messages are. */
  get unacked(): number {
    return this.#consumers.unacked;
  }

  /** Resolves when every queue is consumed: waits for a broker that is away, and for its queues. */
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

  /** Declares a queue where it is missing and consumes it; resolves when the broker has accepted.
   *
   * @throws {TopologyMissing} when it is missing and this user may not declare it
   * @throws the signal's reason; then it is not consumed */
  async add(queue: string, { signal, ...options }: AddOptions): Promise<void> {
    if (!this.queues.includes(queue)) {
      await this.#options.broker.declare(consumedDeclaration(queue, options));
    }
    await this.#consumers.add(queue, { signal });
  }

  /** Stops fetching from a queue; what is in hand is finished. */
  remove(queue: string): Promise<void> {
    return this.#consumers.remove(queue);
  }

  /** Puts another consumer in the place of each that could take more and has heard nothing for so long. */
  renew(quietMs: number, options: { signal: AbortSignal }): Promise<void> {
    return this.#consumers.renew(quietMs, options);
  }

  /** Changes how many handlers run at once, and the prefetch with it: that of a consumer is fixed, so another takes its place. */
  resize({ inline, children }: { inline: number; children: number }): Promise<void> {
    const { runner, pools } = this.#options;
    return this.#consumers.replace({
      before() {
        runner.inline.resize(inline);
        pools.resize(children);
      },
      outdated: ({ queue, prefetch }) => prefetch !== this.#options.prefetch.of(queue),
    });
  }

  #consumer(queue: string, emptyRenewals: number): Consumer {
    return new Consumer({
      emptyRenewals,
      broker: this.#options.broker,
      queue,
      prefetch: this.#options.prefetch.of(queue),
      onDelivery: (delivery) => {
        const held = new HeldDelivery(delivery);
        const work = traceDelivery(held, queue, () => this.#work(held, queue))
          .finally(() => this.#working.delete(work));
        this.#working.add(work);
        return held.answered;
      },
    });
  }

  async #start(): Promise<void> {
    const { broker, declaration, control } = this.#options;
    await broker.connected();
    const onMissing = (missing: string | undefined) => this.#missing = missing;
    if (!await waitForTopology(broker, declaration, { signal: this.#ending.signal, onMissing })) {
      return;
    }
    await control.start();
    await this.#consumers.start();
  }

  async #stop(): Promise<void> {
    const { runner, rates, grace, control } = this.#options;
    this.#ending.abort();
    runner.close();
    rates.close();
    await this.#consumers.cancel();
    const idle = this.#idle();
    await waitAtMost(grace * 1000, idle, this.#hurried.promise);
    if (this.#working.size > 0) {
      logger.warn("Giving back {count} deliveries that did not finish in time", {
        count: this.#working.size,
      });
      runner.abandon(new Stopping("The worker is stopping"));
      await waitAtMost(SETTLE_MS, idle);
    }
    await this.#consumers.stop();
    await control.stop();
  }

  async #idle(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working);
  }

  async #work(delivery: HeldDelivery, queue: string): Promise<void> {
    try {
      const run = await this.#options.executor.execute(delivery, queue);
      if (run) traceOutcome(run);
      // nack and never reject: from RabbitMQ 4.3 on it costs the message no delivery.
      if (run) await this.#options.settler.settle(run);
      else await this.#giveBack(delivery);
    } catch (error) {
      logger.error("Delivery from {queue} goes back as it could not be settled: {error}", {
        queue,
        error,
      });
      await waitAtMost(GIVE_BACK_MS);
      await this.#giveBack(delivery);
    } finally {
      this.#options.holds.release(delivery);
      this.#options.inFlight.over(delivery);
      delivery.over();
      this.#adapt();
    }
  }

  /** Replaces consumers whose prefetch fits the duration of their tasks no more. */
  #adapt(): void {
    if (this.stopping || performance.now() - this.#adaptedAt < ADAPT_MS) return;
    this.#adaptedAt = performance.now();
    const { prefetch } = this.#options;
    const isOutdated = (one: Consumer) => prefetch.isOutdated(one.queue, one.prefetch);
    if (!this.#consumers.some(isOutdated)) return;
    this.#consumers.replace({ before() {}, outdated: isOutdated }).catch((error) =>
      logger.debug("The prefetch stays as it is: {error}", { error })
    );
  }

  async #giveBack(delivery: HeldDelivery): Promise<void> {
    if (delivery.open) await this.#options.holds.free(delivery);
    delivery.nack({ requeue: true });
  }
}

const logger = getLogger(["celeriac", "worker"]);
