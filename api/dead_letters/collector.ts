/** Moves dead letters from their queue to the table. Any number of processes may run it. */
import { getLogger } from "@logtape/logtape";
import { Batch } from "../../shared/runtime/batch.ts";
import type { Broker, Delivery } from "../../shared/broker/broker.ts";
import { Consumer } from "../../shared/broker/consuming/consumer.ts";
import { Consumers } from "../../shared/broker/consuming/consumers.ts";
import { consumerWatchdog } from "../../shared/broker/consuming/consumer_watchdog.ts";
import { isDataFault } from "../../shared/database/sqlstate.ts";
import { DeadLettered } from "../../shared/errors.ts";
import { retryForever } from "../../shared/results/retry_forever.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { DEAD_QUEUE } from "../../shared/broker/topology.ts";
import { pause } from "../../shared/runtime/waits.ts";
import {
  bare,
  type DeadLetter,
  hasReason,
  isDeadLettered,
  readLetter,
} from "../../shared/dead_letters/letter.ts";
import type { GiveUp } from "../../shared/workflows/give_up.ts";
import { isTransient } from "../../shared/workflows/follow_ups.ts";
import type { DeadLetters } from "../../shared/dead_letters/store.ts";

/** Options of a collector. */
export interface CollectorOptions {
  readonly broker: Broker;
  readonly letters: Pick<DeadLetters, "add">;
  /** Makes the record final if the broker dead-lettered the message, and continues its workflow. */
  readonly giveUp: GiveUp;
  /** Seconds without a letter after which the consumer opens a new channel. */
  readonly consumerIdleTimeout: number;
}

/** Prefetch: each letter may have up to 16 MiB. */
const PREFETCH = 16;
/** Maximum bytes in one statement, without the last letter. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** Milliseconds before the next attempt to make a record final. */
const RETRY_MS = 500;

/** Makes the records of tasks that the broker dead-lettered final, stores each letter and acks it. Redelivered letters are recognized by id. */
export class Collector implements Service {
  readonly #consumers: Consumers;
  readonly #watchdog: Service;
  readonly #batch: Batch<DeadLetter, void>;
  readonly #giveUp: GiveUp;
  readonly #stopped = new AbortController();

  constructor({ broker, letters, giveUp, consumerIdleTimeout }: CollectorOptions) {
    this.#giveUp = giveUp;
    this.#batch = new Batch<DeadLetter, void>({
      name: "dead letters",
      weight: BATCH_BYTES,
      weigh: ({ message }) => message.body.length,
      failed: (error, attempt) => retryForever("dead letters", error, attempt),
      flush: async (batch) => {
        await letters.add(batch);
        return batch.map(() => undefined);
      },
    });
    this.#consumers = new Consumers([DEAD_QUEUE], (queue, emptyRenewals) =>
      new Consumer({
        broker,
        queue,
        prefetch: PREFETCH,
        emptyRenewals,
        onDelivery: (delivery) => this.#collect(delivery),
      }));
    this.#watchdog = consumerWatchdog(this.#consumers, {
      name: "dead-letters",
      seconds: consumerIdleTimeout,
    });
  }

  /** Does not wait for the broker or its queue. */
  async start(): Promise<void> {
    await this.#batch.start();
    this.#consumers.start().catch((error) =>
      log.error("Cannot collect dead letters: {error}", { error })
    );
    await this.#watchdog.start();
  }

  /** Stores unacked letters; the broker requeues those that cannot be stored. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#consumers.cancel();
    await this.#watchdog.stop();
    await this.#batch.stop();
    await this.#consumers.idle();
    await this.#consumers.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #collect(delivery: Delivery): Promise<void> {
    try {
      const { message } = delivery;
      const letter = readLetter(message);
      if (isDeadLettered(message) && !hasReason(message.headers)) {
        await this.#end(delivery, letter);
      }
      await this.#store(letter);
    } catch (error) {
      // Neither acked nor nacked: the broker redelivers it after the next connection.
      log.error("Cannot store a dead letter: {error}", { error });
      return;
    }
    delivery.ack();
  }

  /** No worker made the record final: otherwise callers and chords would wait forever. */
  async #end(delivery: Delivery, letter: DeadLetter): Promise<void> {
    const { reason, queue, task } = letter;
    const error = new DeadLettered(
      `Cannot run task '${task}' because RabbitMQ dead-lettered its message from queue '${queue}' (${reason}): see the dead letters`,
    );
    while (delivery.open && !this.#stopped.signal.aborted) {
      try {
        return await this.#giveUp(letter, error);
      } catch (failure) {
        if (!isTransient(failure)) throw failure;
        log.warn("Cannot make the record of a dead letter final, will retry: {error}", {
          error: failure,
        });
        await pause(RETRY_MS, this.#stopped.signal);
      }
    }
    throw new Error(
      "the collector stopped, or the connection was lost, before its record was final",
    );
  }

  /** A letter must not stay unacked: with as many as the prefetch, collecting would stop. */
  async #store(letter: DeadLetter): Promise<void> {
    try {
      await this.#batch.add(letter);
    } catch (error) {
      if (!isDataFault(error)) throw error;
      log.warn("Dead letter {id} is stored without headers and properties: {error}", {
        id: letter.id,
        error,
      });
      await this.#batch.add(bare(letter, error.message));
    }
  }
}

const log = getLogger(["celeriac", "dead-letters"]);
