/** Publishing over one confirm channel, which also receives the direct replies. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { getLogger } from "@logtape/logtape";
import type { ChannelModel, ConfirmChannel, Message as AmqpMessage } from "amqplib";
import { fromAmqp, type PublishFields, toFields } from "./message.ts";
import { replyText } from "./reason.ts";
import {
  channelClosed,
  refused,
  unanswered,
  unavailable,
  unroutable,
  unsendable,
} from "../errors.ts";
import type { BrokerStatus } from "../broker.ts";
import type { Message } from "../message.ts";
import { type Answer, Confirms, type Pending } from "./confirms.ts";
import type { Limit } from "./usage.ts";
import { RefusedDestinations } from "./refused_destinations.ts";
import { DIRECT_REPLY } from "./replies.ts";

/** Milliseconds that messages in flight still have for their confirm once an alarm was raised: what the broker had read before is confirmed in that time. */
const BLOCKED_GRACE_MS = 250;

/** Bytes of bodies in flight: a disk that takes 300 MB/s and confirms after 50 ms is kept busy. */
const IN_FLIGHT_BYTES = 16 * 1024 * 1024;

/** What waits while the broker is busy: more than a broker confirms within the bound; the bodies of a whole batch of the API's. */
const WAITING: Limit = { messages: 20_000, bytes: 64 * 1024 * 1024 };

/** With this many in flight frames wait for each other, {@linkcode GATHER_MS} at most: larger writes, and larger runs of confirms. */
const BUSY = 16;

/** Milliseconds. */
const GATHER_MS = 1;

const log = getLogger(["celeriac", "broker"]);

/** A confirm channel with what lies under its `publish`: that makes a prototype of each message's headers, which costs V8 a third of the whole publish. */
interface FastChannel extends ConfirmChannel {
  sendMessage(method: PublishFields, properties: PublishFields, content: Buffer): boolean;
  pushConfirmCallback(callback: (error: Error | null) => void): void;
}

/** Bounds, and where the connection stands. */
export interface PublishChannelOptions {
  /** Milliseconds. */
  readonly confirmTimeoutMs: number;
  /** Messages; see {@linkcode ConfirmsOptions.inFlight}. */
  readonly maxInFlight: number;
  /** Milliseconds; see {@linkcode ConfirmsOptions.silenceMs}. */
  readonly silenceMs?: number | undefined;
  /** Milliseconds of nothing but refusals by a destination after which it is asked over a fresh channel. */
  readonly refusalMs: number;
  status(): BrokerStatus;
  /** Receives the direct replies to what this channel publishes. */
  reply(reply: Message): void;
  /** Called when the channel cannot be opened again on this connection. */
  broken(reason: string): void;
}

/** Publishes over whatever connection it is given; the channel is opened by the first message. */
export class PublishChannel {
  readonly #options: PublishChannelOptions;
  readonly #confirms: Confirms;
  readonly #refusals: RefusedDestinations;
  readonly #prefix = crypto.randomUUID().slice(0, 8);
  #published = 0;
  #gathering = false;
  #connection: ChannelModel | undefined;
  /** The connection on which a channel is being opened: whoever wants a fresh one then waits for that one. */
  #opening: ChannelModel | undefined;
  #channel: FastChannel | undefined;
  /** The channel before, of the same connection, if it was left for a fresh one. */
  #former: FastChannel | undefined;
  /** What the broker closed the present channel for, and whether a single message was in flight then. */
  #fault: { readonly error: Error; readonly alone: boolean } | undefined;

  constructor(options: PublishChannelOptions) {
    this.#options = options;
    this.#refusals = new RefusedDestinations(options.refusalMs);
    this.#confirms = new Confirms({
      timeoutMs: options.confirmTimeoutMs,
      inFlight: { messages: options.maxInFlight, bytes: IN_FLIGHT_BYTES },
      waiting: WAITING,
      silenceMs: options.silenceMs,
      send: (pending, answer) => this.#send(pending, answer),
      stalled: () => this.#renew(),
    });
  }

  /** Whether a message would be rejected at once, because earlier ones are not confirmed. */
  get silent(): boolean {
    return this.#confirms.silent;
  }

  /** Whether nothing is in flight, nothing waits, and nothing has to be remembered. */
  get isIdle(): boolean {
    return this.#confirms.size === 0 && !this.#confirms.isSuspect;
  }

  /** Milliseconds of `performance.now()` at the last answer of the broker; 0 before the first. */
  get answeredAt(): number {
    return this.#confirms.answeredAt;
  }

  /** The connection is gone: whatever is in flight or waits fails at once. */
  lost(): void {
    this.#connection = this.#opening = undefined;
    this.#channel = undefined;
    this.#former = undefined;
    this.#confirms.abandon((message) => channelClosed(message, undefined, false));
    this.#confirms.refuse((message) => unavailable(message, this.#options.status()));
    this.#confirms.retry();
  }

  /** The broker takes no messages for the time being. */
  blocked(): void {
    this.#confirms.refuse((message) => unavailable(message, this.#options.status()));
    this.#confirms.hasten(BLOCKED_GRACE_MS);
  }

  /** Resolves when nothing is in flight, after the bound at the latest. */
  idle(): Promise<void> {
    return this.#confirms.idle();
  }

  /** Leaves the channels; only while {@linkcode PublishChannel.isIdle}. */
  close(): void {
    this.#connection = undefined;
    for (const channel of [this.#channel, this.#former]) channel?.close().catch(() => {});
  }

  /** @param connection the present one
   * @param options.reply whether the answer comes by direct reply
   * @throws {BrokerUnavailable} */
  publish(
    connection: ChannelModel,
    message: Message,
    { mandatory, reply, signal }: {
      mandatory: boolean;
      reply: boolean;
      signal: AbortSignal | undefined;
    },
  ): Promise<void> {
    if (this.#connection !== connection) this.#reopen(connection);
    return this.#confirms.add(message, {
      mandatory,
      replyTo: reply ? DIRECT_REPLY : undefined,
      signal,
    });
  }

  /** Frames of one turn of the event loop leave in one write, under load those of a millisecond: a system call for each costs as much
   * as all the rest of a publish. amqplib hands them to the socket in an immediate of its own, which comes before this one. */
  #gather(): void {
    if (this.#gathering || !this.#connection) return;
    const { stream } = this.#connection.connection as unknown as { stream: Socket };
    this.#gathering = true;
    stream.cork();
    const leave = () => {
      this.#gathering = false;
      stream.uncork();
    };
    if (this.#confirms.size < BUSY) setImmediate(leave);
    else setTimeout(() => setImmediate(leave), GATHER_MS);
  }

  #send(pending: Pending, answer: Answer): void {
    const { message, mandatory, replyTo } = pending;
    const channel = this.#channel;
    if (!channel) throw unavailable(message, this.#options.status());
    const { body } = message;
    if (mandatory) pending.messageId = message.properties.messageId ?? this.#nextId();
    const additions = { mandatory, replyTo, messageId: pending.messageId };
    try {
      const fields = toFields(message, additions);
      channel.sendMessage(
        fields,
        fields,
        Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      );
      channel.pushConfirmCallback((error) => {
        if (!error) this.#refusals.taken(message);
        answer(error ? this.#failure(pending, error) : pending.error, !this.#isLost(error));
      });
      this.#gather();
    } catch (error) {
      throw unsendable(message, error);
    }
  }

  async #open(connection: ChannelModel): Promise<void> {
    try {
      const channel = await connection.createConfirmChannel() as FastChannel;
      if (this.#connection !== connection) return;
      this.#watch(channel, connection);
      // A reply is delivered only to a consumer of the channel that published the request.
      await channel.consume(DIRECT_REPLY, (message) => {
        if (message) this.#options.reply(fromAmqp(message));
      }, { noAck: true });
      if (this.#connection !== connection) return;
      this.#channel = channel;
    } finally {
      if (this.#opening === connection) this.#opening = undefined;
    }
    this.#confirms.resume();
  }

  #watch(channel: FastChannel, connection: ChannelModel): void {
    this.#fault = undefined;
    channel.on("error", (error) => {
      if (this.#channel !== channel) return;
      this.#fault = { error, alone: this.#confirms.size === 1 };
    });
    channel.on("return", (message) => this.#returned(message));
    channel.on("handler-error", (error) => log.error("Cannot hand on a reply: {error}", { error }));
    channel.on("close", () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      this.#confirms.pause();
      // If the whole connection is gone, that is said in this same turn of the loop.
      queueMicrotask(() => {
        if (this.#connection === connection) this.#reopen(connection);
      });
    });
  }

  #reopen(connection: ChannelModel): void {
    if (this.#opening === connection) return;
    this.#connection = this.#opening = connection;
    if (this.#fault) {
      log.warn("Channel for publishing was closed: {reason}", {
        reason: replyText(this.#fault.error),
      });
    }
    this.#open(connection).catch((error) => {
      if (this.#connection === connection) {
        this.#options.broken(`no channel can be opened (${error})`);
      }
    });
  }

  /** As much as may be in flight was given up: leaves the channel to its fate and takes a new one. */
  #renew(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#confirms.abandon(unanswered);
    // It may never answer.
    channel?.close().catch(() => {});
    if (this.#connection) this.#reopen(this.#connection);
  }

  /** Takes a fresh channel. The present one stays until the next is left: confirms and replies may be on their way to it. */
  #refresh(): void {
    if (!this.#connection || this.#opening) return;
    this.#former?.close().catch(() => {});
    this.#former = this.#channel;
    log.info("Asking over a fresh channel, as a queue refuses everything");
    this.#reopen(this.#connection);
  }

  /** A return always comes before its confirm, and without a delivery tag. */
  #returned({ fields, properties }: AmqpMessage): void {
    for (const pending of this.#confirms.inFlight()) {
      const { exchange, routingKey } = pending.message;
      if (
        pending.messageId === properties.messageId && !pending.error &&
        exchange === fields.exchange && routingKey === fields.routingKey
      ) {
        pending.error = unroutable(pending.message);
        return;
      }
    }
  }

  #failure(pending: Pending, error: Error): Error {
    if (error.message === "message nacked") {
      if (this.#refusals.refused(pending.message, performance.now())) this.#refresh();
      return refused(pending.message);
    }
    return channelClosed(pending.message, this.#fault?.error, this.#fault?.alone ?? false);
  }

  /** Whether the channel ended without a word of the broker about it. */
  #isLost(error: Error | null): boolean {
    return error !== null && error.message !== "message nacked" && !this.#fault;
  }

  #nextId(): string {
    return `${this.#prefix}-${(this.#published++).toString(36)}`;
  }
}
