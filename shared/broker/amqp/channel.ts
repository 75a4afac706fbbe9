/** A channel that is reopened when it or its connection is lost. */
import { getLogger } from "@logtape/logtape";
import type { Channel } from "amqplib";
import { BrokerUnavailable } from "../../errors.ts";
import { retryDelay } from "../../contracts/retry.ts";
import { type AmqpConnection, RECONNECT } from "./connection.ts";
import { codeOf, replyText } from "./reason.ts";

/** Milliseconds to wait for a reply before the request is retried on another channel. Without a majority no reply comes. */
const REPLY_TIMEOUT_MS = 15_000;

/** Milliseconds after which a channel counts as stable. A stable channel is reopened without delay. */
const STEADY_MS = 1000;

const log = getLogger(["celeriac", "broker"]);

/** A channel of one connection, and whether it is open. */
export class LiveChannel {
  /** Resolves when the channel is closed. */
  readonly closed: Promise<void>;
  readonly #close: () => void;
  readonly #gone = new AbortController();
  #fault: unknown;

  constructor(readonly channel: Channel) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#close = () => {
      this.#gone.abort(this.#fault);
      resolve();
    };
    channel.on("error", (error) => this.#fault = error);
    channel.on("close", this.#close);
    channel.on(
      "handler-error",
      (error) => log.error("Message handler failed: {error}", { error }),
    );
  }

  /** Never becomes `true` again. */
  get open(): boolean {
    return !this.#gone.signal.aborted;
  }

  /** Aborts when {@linkcode LiveChannel.open} becomes `false`; its reason is the fault, if there is one. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Error that closed the channel; `undefined` when the whole connection was lost. */
  get fault(): unknown {
    return this.#fault;
  }

  /** Waits for a reply of the broker; closes the channel when none comes in time. */
  async waitForReply<Reply>(reply: Promise<Reply>): Promise<Reply> {
    const timeout = setTimeout(() => this.#giveUp(), REPLY_TIMEOUT_MS);
    try {
      return await Promise.race([reply, this.closed.then(() => Promise.reject(this.#fault))]);
    } finally {
      clearTimeout(timeout);
    }
  }

  /** Closes the channel and waits until it is closed. */
  async close(): Promise<void> {
    if (!this.open) return;
    this.#gone.abort();
    await Promise.race([this.channel.close().catch(() => {}), this.closed]);
  }

  #giveUp(): void {
    this.#fault = new BrokerUnavailable("the broker does not respond");
    this.#close();
    this.channel.close().catch(() => {});
  }
}

/** Options of {@linkcode RecoveringChannel}. */
export interface RecoveringChannelOptions {
  readonly connection: AmqpConnection;
  /** Infinitive phrase for logs and errors: `consume from queue 'x'`. */
  readonly purpose: string;
  /** Sets up a new channel. If it rejects, it is retried with backoff. */
  setUp(live: LiveChannel): Promise<void>;
  /** Maps an error that no retry can fix to an error for the caller. Called until the first success. */
  fatal?(error: unknown): Error | undefined;
}

/** Opens a channel and sets it up; repeats that forever, with backoff, whenever the channel is closed. */
export class RecoveringChannel {
  readonly #options: RecoveringChannelOptions;
  readonly #ending = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #ended = Promise.resolve();
  #live: LiveChannel | undefined;
  #reopens = true;
  #isReady = false;
  #lastWarning: string | undefined;

  constructor(options: RecoveringChannelOptions) {
    this.#options = options;
  }

  /** Resolves when a channel is set up for the first time; rejects on a fatal error and when stopped before. */
  start(): Promise<void> {
    this.#ended = this.#run();
    return this.#first.promise;
  }

  /** Resolves when no further channel will be opened. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** The current channel, while it is open. */
  get live(): LiveChannel | undefined {
    return this.#live?.open ? this.#live : undefined;
  }

  /** Keeps the current channel but opens no further one. */
  retire(): void {
    this.#reopens = false;
    if (!this.live) this.#ending.abort();
  }

  /** Closes the channel: the broker requeues its unacked deliveries. */
  async close(): Promise<void> {
    this.#reopens = false;
    await this.live?.close();
    await this.end();
  }

  /** Ends without closing the channel, because the whole connection is being closed. */
  async end(): Promise<void> {
    this.#reopens = false;
    this.#ending.abort();
    await this.#ended;
  }

  /** Waits before an attempt, at most until the end. */
  pause(attempt: number): Promise<void> {
    const { signal } = this.#ending;
    const delayMs = 1000 * (retryDelay(RECONNECT, attempt, Math.random()) ?? 0);
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal.addEventListener("abort", done, { once: true });
      if (signal.aborted) done();
    });
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (this.#reopens) {
      const began = performance.now();
      try {
        await this.#session();
      } catch (error) {
        const fatal = this.#isReady ? undefined : this.#options.fatal?.(error);
        if (fatal) {
          this.#first.reject(fatal);
          return;
        }
        // AmqpConnection logs a lost connection.
        if (this.#reopens && isBrokerError(error)) this.#warn(error);
        else log.debug("Stopped to {purpose}: {error}", { purpose: this.#options.purpose, error });
      }
      attempt = performance.now() - began > STEADY_MS ? 0 : attempt + 1;
      if (attempt > 0) await this.pause(attempt - 1);
    }
    if (this.#isReady) return;
    const { purpose } = this.#options;
    this.#first.reject(
      new BrokerUnavailable(`Cannot ${purpose} because it was stopped before the broker answered`),
    );
  }

  /** Runs one channel from opening to closing; throws its fault. */
  async #session(): Promise<void> {
    const { connection, purpose, setUp } = this.#options;
    const opened = await connection.opened(this.#ending.signal);
    const live = this.#live = new LiveChannel(await opened.createChannel());
    try {
      this.#ending.signal.throwIfAborted();
      await live.waitForReply(setUp(live));
    } catch (error) {
      await live.close();
      throw error;
    }
    if (this.#lastWarning !== undefined) log.info("Can {purpose} again", { purpose });
    this.#lastWarning = undefined;
    this.#isReady = true;
    this.#first.resolve();
    await live.closed;
    throw live.fault;
  }

  #warn(error: unknown): void {
    const reason = replyText(error);
    if (reason === this.#lastWarning) return;
    this.#lastWarning = reason;
    log.warn("Cannot {purpose} because {reason}: trying again", {
      purpose: this.#options.purpose,
      reason,
    });
  }
}

/** Whether the broker sent the error or did not reply. */
function isBrokerError(error: unknown): boolean {
  return typeof codeOf(error) === "number" || error instanceof BrokerUnavailable;
}
