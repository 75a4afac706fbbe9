/** Publishes signatures: encode, send to the broker, wait for the confirm, fall back to the outbox. */
import { Batch } from "../runtime/batch.ts";
import type { Broker, PublishOptions, ReplyOptions } from "../broker/broker.ts";
import type { Message } from "../broker/message.ts";
import { checkHeaders } from "../broker/header_limit.ts";
import type { IdentifiedSignature } from "../celery/message.ts";
import {
  BrokerUnavailable,
  CeleriacError,
  DatabaseUnavailable,
  DatabaseUnreached,
  InvalidInput,
  NotSent,
  OutcomeUnknown,
  TopologyMissing,
  Unavailable,
  Unroutable,
} from "../errors.ts";
import { isDataFault } from "../database/sqlstate.ts";
import { type Clock, SYSTEM_CLOCK } from "../runtime/clock.ts";
import type { PendingTask } from "../results/result.ts";
import type { OutboxEntry } from "./outbox.ts";
import { prepareTask } from "./prepared_task.ts";
import type { RoutedSignature } from "./submission.ts";
import { withTimeout } from "../runtime/waits.ts";

/** A task whose message is durable. */
export interface AcceptedTask extends PendingTask {
  /** What holds the message. `earlier`: an earlier request with the same key published it. Direct replies need `broker`. */
  readonly via: "broker" | "outbox" | "earlier";
}

/** Options of a publisher. */
export interface PublisherOptions {
  readonly broker: Broker;
  readonly outbox: { add(entries: readonly OutboxEntry[]): Promise<unknown> };
  /** The sender, for the header `origin`: `gen<pid>@<host>`, as Celery writes it. */
  readonly origin: string;
  /** Called for each message once it is durable. */
  sent?(message: Message, queue: string): void;
  /** Default: this machine's clock. */
  readonly clock?: Clock;
}

/** A message due later than this goes to the outbox; the worker waits out a shorter delay. */
const OUTBOX_FROM_MS = 1000;

/** Milliseconds after which a caller gets an error when no server can store the task: it can use Retry-After instead of waiting. */
const ANSWER_MS = 1600;
/** Minimum time in milliseconds for the database after the broker has failed. */
const LEAST_MS = 600;
/** Time in milliseconds for the database when the message can also go to the broker. */
const DELAYED_MS = 1000;
/** Maximum number of messages that wait for the database: bounds memory while both servers are down. */
const HOLD_MAX = 10_000;
/** Maximum bytes of their bodies, without the last one: a few seconds of work for a database and a small part of an API's memory. */
const HOLD_MAX_BYTES = 32 * 1024 * 1024;
/** Maximum bytes of bodies in one write. */
const HOLD_BYTES = 4 * 1024 * 1024;

/** Publishes signatures and reports success only when something durable holds them. */
export class Publisher {
  readonly #broker: Broker;
  readonly #held: Batch<OutboxEntry, void>;
  /** Entries that were passed to the database. */
  readonly #storing = new WeakSet<OutboxEntry>();
  readonly #origin: string;
  readonly #clock: Clock;
  readonly #sent: PublisherOptions["sent"];

  constructor({ broker, outbox, origin, sent, clock = SYSTEM_CLOCK }: PublisherOptions) {
    this.#clock = clock;
    this.#broker = broker;
    this.#origin = origin;
    this.#sent = sent;
    this.#held = new Batch<OutboxEntry, void>({
      name: "messages for the outbox",
      flush: async (entries) => {
        for (const entry of entries) this.#storing.add(entry);
        await outbox.add(entries);
        return entries.map(() => {});
      },
      failed: (error) => isDataFault(error) ? "split" : "reject",
      weigh: ({ message }) => message.body.length,
      weight: HOLD_BYTES,
      flushes: 4,
      limit: HOLD_MAX,
      limitWeight: HOLD_MAX_BYTES,
    });
  }

  /** Resolves when the message is durable: confirmed by its queue, or committed to the outbox.
   *
   * @param options.reply receives the result by direct reply-to, if the message goes to the broker immediately
   * @param options.patient if the queue or exchange does not exist, stores the message for the relay to retry. Default `false`
   * @throws {Unroutable} when its queue does not exist, unless `patient`
   * @throws {OutcomeUnknown} when neither broker nor database confirmed in time, but either may have the message
   * @throws {Unavailable} when neither broker nor database could accept it */
  async submit(
    signature: RoutedSignature & IdentifiedSignature,
    options: { reply?: ReplyOptions; patient?: boolean } = {},
  ): Promise<AcceptedTask & { via: "broker" | "outbox" }> {
    const now = this.#clock.now();
    const { task, entry } = prepareTask(signature, { origin: this.#origin, now });
    const late = entry.due - performance.now() > OUTBOX_FROM_MS;
    const via = late ? await this.#later(entry, options) : await this.#now(entry, options);
    this.#sent?.(entry.message, task.queue);
    return { ...task, via };
  }

  /** Like {@linkcode Publisher.submit} for a prepared message that is due now: sends it to the broker, otherwise to the outbox.
   *
   * @param what for errors, such as `event '…'`. Default: the task */
  async send(
    entry: OutboxEntry,
    options: { patient?: boolean; what?: string } = {},
  ): Promise<"broker" | "outbox"> {
    return await this.#now(entry, options);
  }

  /** Broker first, then the outbox. */
  async #now(
    entry: OutboxEntry,
    { patient = false, what, ...options }: PublishOptions & { patient?: boolean; what?: string },
  ): Promise<"broker" | "outbox"> {
    const began = performance.now();
    try {
      await this.#broker.publish(entry.message, options);
      return "broker";
    } catch (refused) {
      if (!isRefused(refused, patient)) throw refused;
      try {
        await this.#hold(entry, Math.max(LEAST_MS, ANSWER_MS - (performance.now() - began)));
        return "outbox";
      } catch (unheld) {
        throw isUnheld(unheld) ? this.#neither(entry, refused, unheld, what) : unheld;
      }
    }
  }

  /** Outbox first, then the broker: the message carries its eta and the worker delays it. */
  async #later(entry: OutboxEntry, options: PublishOptions): Promise<"broker" | "outbox"> {
    const began = performance.now();
    try {
      await this.#hold(entry, DELAYED_MS);
      return "outbox";
    } catch (unheld) {
      if (!isUnheld(unheld)) throw unheld;
      try {
        const ms = Math.max(1, Math.round(ANSWER_MS - (performance.now() - began)));
        await withTimeout(
          ms,
          () => new BrokerUnavailable(`the broker did not confirm the message within ${ms} ms`),
          (signal) => this.#broker.publish(entry.message, { ...options, signal }),
        );
        return "broker";
      } catch (refused) {
        throw refused instanceof BrokerUnavailable
          ? this.#neither(entry, refused, unheld)
          : refused;
      }
    }
  }

  /** Resolves when the outbox has stored it.
   *
   * @throws {InvalidInput} when the message could never be sent: this path does not ask the broker, which would reject it
   * @throws {DatabaseUnavailable} also after a timeout, when it may have been stored */
  async #hold(entry: OutboxEntry, limitMs: number): Promise<void> {
    checkHeaders(entry.message.headers);
    const ms = Math.round(limitMs);
    await withTimeout(
      ms,
      () =>
        new DatabaseUnavailable(
          `Cannot store the message because it did not answer within ${ms} ms: try again later`,
        ),
      (signal) => this.#held.add(entry, signal),
    );
  }

  /** The error for a message that neither server has confirmed. */
  #neither(
    entry: OutboxEntry,
    refused: Error,
    unheld: Error,
    what = `task '${entry.taskId}'`,
  ): Unavailable {
    const { taskId } = entry;
    const reasons = `${refused.message}; ${unheld.message}`;
    const mayBeStored = this.#storing.has(entry) && !(unheld instanceof DatabaseUnreached);
    if (refused instanceof NotSent && !mayBeStored) {
      return new Unavailable(
        `Cannot accept ${what} because neither broker nor database can hold it: ${reasons}`,
        { cause: unheld },
      );
    }
    return new OutcomeUnknown(
      `Cannot determine whether ${what} was accepted because neither broker nor database answered in time: read its record, or send it again with the same id or Idempotency-Key (${reasons})`,
      [taskId],
      { cause: unheld },
    );
  }
}

/** Whether the broker rejected a message for a reason that may pass. */
function isRefused(error: unknown, patient: boolean): error is CeleriacError {
  return error instanceof BrokerUnavailable ||
    patient && (error instanceof Unroutable || error instanceof TopologyMissing);
}

/** Whether the outbox could not store a message for a reason of its own, such as too many pending messages. */
function isUnheld(error: unknown): error is CeleriacError {
  return error instanceof CeleriacError && !(error instanceof InvalidInput);
}
