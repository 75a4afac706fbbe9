/** Signature -> message -> broker -> confirm, or outbox. */
import { v7 as newId } from "uuid";
import { Batch } from "../runtime/batch.ts";
import type { Broker, PublishOptions, ReplyOptions } from "../broker/broker.ts";
import type { Message } from "../broker/message.ts";
import { checkHeaders } from "../broker/header_limit.ts";
import { encodeTask, type IdentifiedSignature } from "../celery/message.ts";
import type { Signature } from "../celery/signature.ts";
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
import { dueOf, type OutboxEntry } from "./outbox.ts";
import { destinationOf, TASK_EXCHANGE } from "../broker/topology.ts";
import { traceSent, tracing } from "../telemetry/tracing.ts";
import { withTimeout } from "../runtime/waits.ts";

/** A signature that says where it goes. */
export type Submittable = Signature & { options: { queue: string } };

/** Where a submission went. */
export interface Submitted {
  readonly id: string;
  readonly queue: string;
  /** Which of the two holds the message now. Direct replies only come by way of the broker. */
  readonly via: "broker" | "outbox";
  /** As in the message's headers. */
  readonly argsRepr: string;
  readonly kwargsRepr: string;
}

/** What a publisher works with. */
export interface PublisherOptions {
  readonly broker: Broker;
  readonly outbox: { add(entries: readonly OutboxEntry[]): Promise<unknown> };
  /** Who sends, for the header `origin`: `gen<pid>@<host>` in Celery's manner. */
  readonly origin: string;
  /** Called with each message that is durable. */
  sent?(message: Message, queue: string): void;
  /** Default: this machine's. */
  readonly clock?: Clock;
}

/** A message due later than this goes through the outbox; a shorter wait is the worker's. */
const OUTBOX_FROM_MS = 1000;

/** Milliseconds after which a caller hears that nothing could hold the task: Retry-After serves it better than waiting. */
const ANSWER_MS = 1600;
/** Milliseconds that the database has in any case, when the broker took long to fail. */
const LEAST_MS = 600;
/** Milliseconds that the database has for a message that can go to the broker as well. */
const DELAYED_MS = 1000;
/** Messages that may wait for the database: bounds memory while both servers are away. */
const HOLD_MAX = 10_000;
/** Bytes of their bodies, the last one's not counted: some seconds' work of a database, and a small part of what an API may use. */
const HOLD_MAX_BYTES = 32 * 1024 * 1024;
/** Bytes of bodies written at once. */
const HOLD_BYTES = 4 * 1024 * 1024;

/** Bytes of one message's body: 64 MiB, as much as any route of the API takes. A broker may take less, and then refuses it. */
const BODY_MAX_BYTES = 64 * 1024 * 1024;

/** Puts signatures on the wire, and says so only when something durable holds them. */
export class Publisher {
  readonly #broker: Broker;
  readonly #held: Batch<OutboxEntry, void>;
  /** Entries of which the database was told. */
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
   * @param options.reply receives the result by direct reply-to, if the message goes to the broker at once
   * @param options.patient stores a message whose queue or exchange does not exist, and the relay retries. Default `false`
   * @throws {Unroutable} when its queue does not exist, unless `patient`
   * @throws {OutcomeUnknown} when neither broker nor database said in time that it has the message, but either may
   * @throws {Unavailable} when neither broker nor database could take it */
  async submit(
    signature: Submittable,
    options: { reply?: ReplyOptions; patient?: boolean } = {},
  ): Promise<Submitted> {
    const now = this.#clock.now();
    const { queue, taskId: id = newId() } = signature.options;
    const identified = { ...signature, options: { ...signature.options, taskId: id } };
    const entry = entryOf(identified, { origin: this.#origin, now });
    const { message, due } = entry;
    const { argsrepr, kwargsrepr } = message.headers;
    const submitted = { id, queue, argsRepr: String(argsrepr), kwargsRepr: String(kwargsrepr) };

    const late = due - performance.now() > OUTBOX_FROM_MS;
    const via = late ? await this.#later(entry, options) : await this.#now(entry, options);
    this.#sent?.(message, queue);
    return { ...submitted, via };
  }

  /** By the broker, else by the outbox. */
  async #now(
    entry: OutboxEntry,
    { patient = false, ...options }: PublishOptions & { patient?: boolean },
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
        throw isUnheld(unheld) ? this.#neither(entry, refused, unheld) : unheld;
      }
    }
  }

  /** By the outbox, else by the broker: the message carries its eta, and the worker puts it off. */
  async #later(entry: OutboxEntry, options: PublishOptions): Promise<"broker" | "outbox"> {
    const began = performance.now();
    try {
      await this.#hold(entry, DELAYED_MS);
      return "outbox";
    } catch (unheld) {
      if (!isUnheld(unheld)) throw unheld;
      try {
        const ms = Math.round(ANSWER_MS - (performance.now() - began));
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

  /** Resolves when the outbox has it.
   *
   * @throws {InvalidInput} when it could never be sent: the broker, which would say so, is not asked
   * @throws {DatabaseUnavailable} also when it took too long; it may have been stored all the same */
  async #hold(entry: OutboxEntry, limitMs: number): Promise<void> {
    checkHeaders(entry.message.headers);
    const ms = Math.round(limitMs);
    await withTimeout(
      ms,
      () =>
        new DatabaseUnavailable(
          `Cannot store the message as it did not answer within ${ms} ms: try again later`,
        ),
      (signal) => this.#held.add(entry, signal),
    );
  }

  /** What to say of a message that neither has confirmed. */
  #neither(entry: OutboxEntry, refused: Error, unheld: Error): Unavailable {
    const { taskId } = entry;
    const reasons = `${refused.message}; ${unheld.message}`;
    const mayBeStored = this.#storing.has(entry) && !(unheld instanceof DatabaseUnreached);
    if (refused instanceof NotSent && !mayBeStored) {
      return new Unavailable(
        `Cannot accept task '${taskId}' because neither broker nor database can hold it: ${reasons}`,
        { cause: unheld },
      );
    }
    return new OutcomeUnknown(
      `Cannot tell whether task '${taskId}' was accepted because neither broker nor database answered in time: read its record, or send it again with the same id or Idempotency-Key (${reasons})`,
      [taskId],
      { cause: unheld },
    );
  }
}

/** Whether the broker did not take a message, and may take it later. */
function isRefused(error: unknown, patient: boolean): error is CeleriacError {
  return error instanceof BrokerUnavailable ||
    patient && (error instanceof Unroutable || error instanceof TopologyMissing);
}

/** Whether the outbox could not take a message for reasons of its own, too many that wait for it among them. */
function isUnheld(error: unknown): error is CeleriacError {
  return error instanceof CeleriacError && !(error instanceof InvalidInput);
}

/** The message of a signature, and when it is due, as the outbox takes it.
 *
 * @param context who sends it, in Celery's manner, and when
 * @throws {InvalidInput} when a Python worker would die of the message or lose it, or its body is too large */
export function entryOf(
  signature: Submittable & IdentifiedSignature,
  { origin, now }: { origin: string; now: Date },
): OutboxEntry {
  const { queue, taskId, exchange, routingKey, eta, countdown, retries = 0 } = signature.options;
  const destination = exchange === undefined
    ? destinationOf(queue)
    : { exchange, routingKey: routingKey ?? queue };
  const encoded = encodeTask(tracing ? traced(signature) : signature, {
    origin,
    destination,
    now,
  });
  if (encoded.body.length > BODY_MAX_BYTES) {
    throw new InvalidInput(
      `Cannot submit task '${signature.task}' because its message has ${encoded.body.length} bytes, and ${BODY_MAX_BYTES} are the most: pass less, or store it elsewhere and pass where`,
      "args",
    );
  }
  return {
    taskId,
    retries,
    due: eta ? dueOf(eta, now) : performance.now() + (countdown ?? 0) * 1000,
    message: destination.exchange === TASK_EXCHANGE ? unexpiring(encoded) : encoded,
  };
}

/** Headers of the sender's own win: they may carry a trace already. */
function traced<Sent extends Submittable & IdentifiedSignature>(signature: Sent): Sent {
  const { task, options } = signature;
  const headers = { ...traceSent(task, options.queue, options.taskId), ...options.headers };
  return { ...signature, options: { ...options, headers } };
}

/** On our own queues the header `expires` is enough: were the broker to drop the message, nobody would write REVOKED. */
function unexpiring(message: Message): Message {
  const { expiration: _, ...properties } = message.properties;
  return { ...message, properties };
}
