/** Publishes over one confirm channel, which also receives direct replies. */
import { getLogger } from "@logtape/logtape";
import type { ChannelModel, Message as AmqpMessage } from "amqplib";
import { fromAmqp } from "./message.ts";
import { type FastChannel, FrameWriter } from "./frame_writer.ts";
import { LastMethodFrame, PublishFields } from "./publish_fields.ts";
import { replyText } from "./reason.ts";
import {
  channelClosed,
  nackedByQueue,
  neverConfirmed,
  notConnected,
  sendFailed,
  unroutable,
} from "../errors.ts";
import type { BrokerStatus } from "../broker.ts";
import type { Message } from "../message.ts";
import { type Answer, Confirms, type Pending } from "./confirms.ts";
import type { Limit } from "./usage.ts";
import { RefusedDestinations } from "./refused_destinations.ts";
import { DIRECT_REPLY } from "./replies.ts";

/** Milliseconds that messages in flight have for their confirm after an alarm: the broker confirms what it read before within that time. */
const BLOCKED_GRACE_MS = 250;

/** Maximum bytes of bodies in flight: enough for a disk with 300 MB/s and 50 ms latency. */
const IN_FLIGHT_BYTES = 16 * 1024 * 1024;

/** Limit of waiting messages: more than a broker confirms within the timeout, and the bodies of a whole API batch. */
const WAITING: Limit = { messages: 20_000, bytes: 64 * 1024 * 1024 };

const log = getLogger(["celeriac", "broker"]);

/** Options of {@linkcode PublishChannel}. */
export interface PublishChannelOptions {
  /** Milliseconds. */
  readonly confirmTimeoutMs: number;
  /** Messages; see {@linkcode ConfirmsOptions.inFlight}. */
  readonly maxInFlight: number;
  /** Milliseconds; see {@linkcode ConfirmsOptions.silenceMs}. */
  readonly silenceMs?: number | undefined;
  /** Milliseconds of nothing but nacks from a destination after which a new channel is opened for it. */
  readonly refusalMs: number;
  status(): BrokerStatus;
  /** Receives direct replies to messages of this channel. */
  reply(reply: Message): void;
  /** Called when the channel cannot be opened again on this connection. */
  broken(reason: string): void;
}

/** Publishes over the current connection. The first message opens the channel. */
export class PublishChannel {
  readonly #options: PublishChannelOptions;
  readonly #confirms: Confirms;
  readonly #refusals: RefusedDestinations;
  readonly #lastMethodFrame = new LastMethodFrame();
  readonly #frames = new FrameWriter();
  readonly #prefix = crypto.randomUUID().slice(0, 8);
  #published = 0;
  #connection: ChannelModel | undefined;
  /** The connection on which a channel is being opened; prevents a second open. */
  #opening: ChannelModel | undefined;
  #channel: FastChannel | undefined;
  /** The previous channel of the same connection, after a refresh. */
  #previous: FastChannel | undefined;
  /** Error with which the broker closed the channel, and whether a single message was in flight. */
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

  /** Whether a new message would fail at once, because earlier ones are not confirmed. */
  get silent(): boolean {
    return this.#confirms.silent;
  }

  /** Whether no message is pending and the destination is not suspect. */
  get isIdle(): boolean {
    return this.#confirms.size === 0 && !this.#confirms.isSuspect;
  }

  /** Milliseconds of `performance.now()` at the last answer of the broker; 0 before the first. */
  get answeredAt(): number {
    return this.#confirms.answeredAt;
  }

  /** Reports a lost connection: all pending messages fail at once. */
  lost(): void {
    this.#connection = this.#opening = undefined;
    this.#channel = undefined;
    this.#previous = undefined;
    this.#confirms.failInFlight((message) => channelClosed(message, undefined, false));
    this.#confirms.failWaiting((message) => notConnected(message, this.#options.status()));
    this.#confirms.probeNow();
  }

  /** Reports an alarm: the broker currently accepts no messages. */
  blocked(): void {
    this.#confirms.failWaiting((message) => notConnected(message, this.#options.status()));
    this.#confirms.shortenTimeout(BLOCKED_GRACE_MS);
  }

  /** Resolves when no message is pending: after the timeout at the latest. */
  idle(): Promise<void> {
    return this.#confirms.idle();
  }

  /** Closes the channels. Call it only while {@linkcode PublishChannel.isIdle}. */
  close(): void {
    this.#connection = undefined;
    for (const channel of [this.#channel, this.#previous]) channel?.close().catch(() => {});
  }

  /** @param connection the current connection
   * @param options.reply whether to request direct replies
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

  #send(pending: Pending, answer: Answer): void {
    const { message, mandatory, replyTo } = pending;
    const channel = this.#channel;
    if (!channel) throw notConnected(message, this.#options.status());
    if (mandatory) pending.messageId = message.properties.messageId ?? this.#nextId();
    const additions = { mandatory, replyTo, messageId: pending.messageId };
    try {
      const fields = new PublishFields(message, additions, this.#lastMethodFrame);
      this.#frames.write(channel, fields, message.body, this.#confirms.size);
      channel.pushConfirmCallback((error) => {
        if (!error) this.#refusals.confirmed(message);
        answer(error ? this.#failure(pending, error) : pending.error, !this.#isLost(error));
      });
    } catch (error) {
      throw sendFailed(message, error);
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
    channel.on("handler-error", (error) => log.error("Reply handler failed: {error}", { error }));
    channel.on("close", () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      this.#confirms.pause();
      // If the whole connection is lost, lost() is called in this same turn of the event loop.
      queueMicrotask(() => {
        if (this.#connection === connection) this.#reopen(connection);
      });
    });
  }

  #reopen(connection: ChannelModel): void {
    if (this.#opening === connection) return;
    this.#connection = this.#opening = connection;
    if (this.#fault) {
      log.warn("Publishing channel was closed: {reason}", {
        reason: replyText(this.#fault.error),
      });
    }
    this.#open(connection).catch((error) => {
      if (this.#connection === connection) {
        this.#options.broken(`no channel can be opened (${error})`);
      }
    });
  }

  /** Replaces a channel that does not respond; its messages in flight fail. */
  #renew(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#confirms.failInFlight(neverConfirmed);
    this.#frames.flush();
    // Not awaited: the broker may never reply.
    channel?.close().catch(() => {});
    if (this.#connection) this.#reopen(this.#connection);
  }

  /** Opens a new channel. The current one stays open until the next refresh, for confirms and replies on their way. */
  #refresh(): void {
    if (!this.#connection || this.#opening) return;
    this.#frames.flush();
    this.#previous?.close().catch(() => {});
    this.#previous = this.#channel;
    log.info("Opening a new channel because a queue rejects every message");
    this.#reopen(this.#connection);
  }

  /** Handles a returned message. A return has no delivery tag and always precedes its confirm. */
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
      if (this.#refusals.rejected(pending.message, performance.now())) this.#refresh();
      return nackedByQueue(pending.message);
    }
    return channelClosed(pending.message, this.#fault?.error, this.#fault?.alone ?? false);
  }

  /** Whether the channel was lost without an error from the broker. */
  #isLost(error: Error | null): boolean {
    return error !== null && error.message !== "message nacked" && !this.#fault;
  }

  #nextId(): string {
    return `${this.#prefix}-${(this.#published++).toString(36)}`;
  }
}
