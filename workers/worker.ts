/** The worker: one consumer for each queue, one executor, one settler. */
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
import type { PauseWatch } from "./pause_watch.ts";
import type { Prefetch } from "./prefetch.ts";
import type { DeliveryResult } from "./delivery/delivery_result.ts";
import type { SeriesRecorder } from "./series_recorder.ts";
import type { Runner } from "./running/runner.ts";
import type { Pools } from "./sandbox/pools.ts";
import { traceDelivery, traceOutcome } from "./delivery/delivery_tracing.ts";

/** Milliseconds to give back the deliveries of abandoned handlers. Afterwards the channels close, which requeues the rest. */
const SETTLE_MS = 5000;
/** Milliseconds between two checks of the prefetch. */
const ADAPT_MS = 2000;
/** Milliseconds before a delivery that could not be settled is given back, to avoid a busy loop. */
const GIVE_BACK_MS = 1000;

/** Dependencies and limits of a {@linkcode Worker}. */
export interface WorkerOptions {
  readonly broker: Broker;
  /** Queues and exchanges that the worker needs. They are declared if the user has the right, otherwise checked. */
  readonly declaration: Declaration;
  readonly queues: readonly string[];
  /** Prefetch of each queue. */
  readonly prefetch: Pick<Prefetch, "of" | "isOutdated">;
  readonly executor: Executor;
  readonly runner: Runner;
  readonly pools: Pick<Pools, "size" | "resize">;
  readonly settler: { settle(run: DeliveryResult): Promise<void> };
  readonly series: Pick<SeriesRecorder, "observe">;
  readonly holds: Pick<Holds, "release" | "free">;
  readonly inFlight: Pick<InFlight, "over">;
  readonly rates: { close(): void };
  /** Paused queues. Read before the worker starts; `onQueues` is called after each later read. */
  readonly pauses: Pick<PauseWatch, "queues" | "onQueues">;
  readonly control: Service;
  /** Seconds for running handlers to finish when the worker stops. */
  readonly grace: number;
}

/** Reason of `context.signal` when the worker stops. */
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
  /** Deliveries whose work has not ended, including those of leased messages. */
  readonly #working = new Set<HeldDelivery>();
  /** Called when the last of them ends. */
  #onIdle: (() => void) | undefined;
  readonly #ending = new AbortController();
  readonly #hurried = Promise.withResolvers<void>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#consumers = new Consumers(
      options.queues,
      (queue, emptyRenewals) => this.#consumer(queue, emptyRenewals),
    );
  }

  /** Queues that are consumed, or will be when the broker accepts their consumers. */
  get queues(): string[] {
    return this.#consumers.queues;
  }

  /** Queues that are not consumed because they are paused. */
  get suspended(): string[] {
    return this.#consumers.suspended;
  }

  /** Queues that are not being consumed now, without paused ones. */
  get silent(): string[] {
    return this.#consumers.silent;
  }

  /** Queues with pending messages from which two accepted consumers in a row have received none. */
  get stalled(): string[] {
    return this.#consumers.stalled;
  }

  /** Inline handlers that may run at the same time. */
  get concurrency(): number {
    return this.#options.runner.inline.size;
  }

  /** Child processes for each set of permissions. */
  get children(): number {
    return this.#options.pools.size;
  }

  /** Total prefetch of all queues. */
  get prefetch(): number {
    return this.#consumers.prefetch;
  }

  /** Names the missing queues and exchanges, and a remedy, while the worker waits for them. */
  get missing(): string | undefined {
    return this.#missing;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Number of unacknowledged deliveries. Those of leased messages are acknowledged. */
  get unacked(): number {
    return this.#consumers.unacked;
  }

  /** Resolves when every queue is consumed. Waits for an unavailable broker and for missing queues. */
  start(): Promise<void> {
    return this.#starting ??= this.#start();
  }

  /** Stops consuming, lets running handlers finish within the grace period, settles them and gives the other deliveries back. Those spend no
   * attempt. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** Ends the grace period now: running handlers are abandoned and their deliveries given back. */
  hurry(): void {
    this.#hurried.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Consumes a queue, and declares it if it is missing. Resolves when the broker has accepted the consumer.
   *
   * @throws {TopologyMissing} if it is missing and this user may not declare it
   * @throws the signal's reason; then the queue is not consumed */
  async add(queue: string, { signal, ...options }: AddOptions): Promise<void> {
    if (!this.queues.includes(queue)) {
      await this.#options.broker.declare(consumedDeclaration(queue, options));
    }
    await this.#consumers.add(queue, { signal });
  }

  /** Stops consuming a queue. Deliveries in flight are finished. */
  remove(queue: string): Promise<void> {
    return this.#consumers.remove(queue);
  }

  /** Replaces each consumer that has free prefetch and has received nothing for `quietMs`. */
  renew(quietMs: number, options: { signal: AbortSignal }): Promise<void> {
    return this.#consumers.renew(quietMs, options);
  }

  /** Changes the number of slots and thus the prefetch. Because a consumer's prefetch is fixed, new consumers replace the old ones. */
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
        this.#working.add(held);
        traceDelivery(held, queue, () => this.#work(held, queue));
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
    const { pauses } = this.#options;
    await this.#consumers.suspend(pauses.queues);
    pauses.onQueues = (queues) => this.#consumers.suspend(queues);
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

  #idle(): Promise<void> {
    if (this.#working.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle = resolve);
  }

  async #work(delivery: HeldDelivery, queue: string): Promise<void> {
    try {
      const run = await this.#options.executor.execute(delivery, queue);
      if (run) traceOutcome(run);
      // nack instead of reject: since RabbitMQ 4.3 it does not count as a delivery.
      if (run) {
        await this.#options.settler.settle(run);
        this.#options.series.observe(run);
      } else await this.#giveBack(delivery);
    } catch (error) {
      logger.error("Giving back a delivery from {queue} because it cannot be settled: {error}", {
        queue,
        error,
      });
      await waitAtMost(GIVE_BACK_MS);
      await this.#giveBack(delivery);
    } finally {
      this.#options.holds.release(delivery);
      this.#options.inFlight.over(delivery);
      delivery.over();
      this.#working.delete(delivery);
      if (this.#working.size === 0) this.#onIdle?.();
      this.#adapt();
    }
  }

  /** Replaces consumers whose prefetch no longer matches the duration of their tasks. */
  #adapt(): void {
    if (this.stopping || performance.now() - this.#adaptedAt < ADAPT_MS) return;
    this.#adaptedAt = performance.now();
    const { prefetch } = this.#options;
    const isOutdated = (one: Consumer) => prefetch.isOutdated(one.queue, one.prefetch);
    if (!this.#consumers.some(isOutdated)) return;
    this.#consumers.replace({ before() {}, outdated: isOutdated }).catch((error) =>
      logger.debug("Cannot change the prefetch: {error}", { error })
    );
  }

  async #giveBack(delivery: HeldDelivery): Promise<void> {
    if (delivery.open) await this.#options.holds.free(delivery);
    delivery.nack({ requeue: true });
  }
}

const logger = getLogger(["celeriac", "worker"]);
