/** Takes dead letters from their queue into the table. Any number may run. */
import { getLogger } from "@logtape/logtape";
import { Batch } from "../../shared/runtime/batch.ts";
import type { Broker, Delivery } from "../../shared/broker/broker.ts";
import { Consumer } from "../../shared/broker/consuming/consumer.ts";
import { Consumers } from "../../shared/broker/consuming/consumers.ts";
import { consumerWatchdog } from "../../shared/broker/consuming/consumer_watchdog.ts";
import { isDataFault } from "../../shared/database/sqlstate.ts";
import { DeadLettered } from "../../shared/errors.ts";
import { retryForever } from "../../shared/results/patience.ts";
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
import { isPassing } from "../../shared/workflows/follow_ups.ts";
import type { DeadLetters } from "../../shared/dead_letters/store.ts";

/** What a collector works with. */
export interface CollectorOptions {
  readonly broker: Broker;
  readonly letters: Pick<DeadLetters, "add">;
  /** Makes the record of a task final whose message the broker dead-lettered, and sends what follows. */
  readonly giveUp: GiveUp;
  /** Seconds without a letter after which the consumer takes a fresh channel. */
  readonly consumerIdleTimeout: number;
}

/** Letters in hand at most: each may be as large as a message can be, 16 MiB. */
const PREFETCH = 16;
/** Bytes in one statement, the last letter's not counted. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** Milliseconds before a letter whose record cannot be made final is tried again. */
const RETRY_MS = 500;

/** Makes final the records of tasks that the broker dead-lettered, stores each letter, then acks it: what comes again is known by its id. */
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

  /** Does not wait for a broker that is away, or for a queue that is missing. */
  async start(): Promise<void> {
    await this.#batch.start();
    this.#consumers.start().catch((error) =>
      log.error("Dead letters are not collected: {error}", { error })
    );
    await this.#watchdog.start();
  }

  /** Stores what is in hand; the broker takes back what cannot be stored now. */
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
      // Not answered: it stays with the broker, and comes again with the next connection.
      log.error("A dead letter is not stored: {error}", { error });
      return;
    }
    delivery.ack();
  }

  /** No worker has made its record final: without this, callers and chords would wait for ever. */
  async #end(delivery: Delivery, letter: DeadLetter): Promise<void> {
    const { reason, queue, task } = letter;
    const error = new DeadLettered(
      `Cannot run task '${task}' because RabbitMQ dead-lettered its message from queue '${queue}' (${reason}): see the dead letters`,
    );
    while (delivery.open && !this.#stopped.signal.aborted) {
      try {
        return await this.#giveUp(letter, error);
      } catch (failure) {
        if (!isPassing(failure)) throw failure;
        log.warn("A dead letter waits, because its record cannot be made final: {error}", {
          error: failure,
        });
        await pause(RETRY_MS, this.#stopped.signal);
      }
    }
    throw new Error(
      "the collector stopped, or the connection was lost, before its record was final",
    );
  }

  /** Whatever a letter holds, it must not stay in hand: as many as may be there would end all collecting. */
  async #store(letter: DeadLetter): Promise<void> {
    try {
      await this.#batch.add(letter);
    } catch (error) {
      if (!isDataFault(error)) throw error;
      log.warn("Dead letter {id} is kept without headers and properties: {error}", {
        id: letter.id,
        error,
      });
      await this.#batch.add(bare(letter, error.message));
    }
  }
}

const log = getLogger(["celeriac", "dead-letters"]);
