/** One channel that comes back by itself, on whatever connection there is. */
import { getLogger } from "@logtape/logtape";
import type { Channel } from "amqplib";
import { BrokerUnavailable } from "../../errors.ts";
import { retryDelay } from "../../contracts/retry.ts";
import { type AmqpConnection, RECONNECT } from "./connection.ts";
import { codeOf, replyText } from "./reason.ts";

/** Milliseconds until a broker that does not answer (no majority) is asked again, on another channel. */
const ANSWER_MS = 15_000;

/** A channel that lived this long counts as good: it is replaced at once. */
const STEADY_MS = 1000;

const log = getLogger(["celeriac", "broker"]);

/** A channel of one connection, and whether it still lives. */
export class LiveChannel {
  /** Resolves when the channel is gone. */
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
      (error) => log.error("Cannot take a message in: {error}", { error }),
    );
  }

  /** Never becomes `true` again: what follows is another channel. */
  get open(): boolean {
    return !this.#gone.signal.aborted;
  }

  /** Aborts as {@linkcode LiveChannel.open} becomes `false`; its reason is the fault, if there is one. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** What ended it; `undefined` when the whole connection did. */
  get fault(): unknown {
    return this.#fault;
  }

  /** Waits for an answer of the broker; gives the channel up when none comes. */
  async answer<Answer>(asked: Promise<Answer>): Promise<Answer> {
    const late = setTimeout(() => this.#giveUp(), ANSWER_MS);
    try {
      return await Promise.race([asked, this.closed.then(() => Promise.reject(this.#fault))]);
    } finally {
      clearTimeout(late);
    }
  }

  /** Closes it; returns when it is closed. */
  async close(): Promise<void> {
    if (!this.open) return;
    this.#gone.abort();
    await Promise.race([this.channel.close().catch(() => {}), this.closed]);
  }

  #giveUp(): void {
    this.#fault = new BrokerUnavailable("the broker does not answer");
    this.#close();
    this.channel.close().catch(() => {});
  }
}

/** What a channel is for. */
export interface KeptChannelOptions {
  readonly connection: AmqpConnection;
  /** For the log: `consume from queue 'x'`. */
  readonly purpose: string;
  /** Sets a fresh channel up. A rejection means trying again, after a while. */
  setUp(live: LiveChannel): Promise<void>;
  /** An error for the caller that ends everything, where trying again makes no sense; asked until the first success. */
  fatal?(error: unknown): Error | undefined;
}

/** Opens a channel, sets it up, and does so again whenever it is gone, for ever, with backoff. */
export class KeptChannel {
  readonly #options: KeptChannelOptions;
  readonly #ending = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #ended = Promise.resolve();
  #live: LiveChannel | undefined;
  #again = true;
  #isReady = false;
  #complaint: string | undefined;

  constructor(options: KeptChannelOptions) {
    this.#options = options;
  }

  /** Resolves when a channel was set up for the first time; rejects when that can no more be. */
  start(): Promise<void> {
    this.#ended = this.#keep();
    return this.#first.promise;
  }

  /** Resolves when there will be no channel any more. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** The present channel, while it lives. */
  get live(): LiveChannel | undefined {
    return this.#live?.open ? this.#live : undefined;
  }

  /** Keeps the channel there is, but takes no other after it. */
  retire(): void {
    this.#again = false;
    if (!this.live) this.#ending.abort();
  }

  /** Closes the channel: what is unanswered on it goes back. */
  async close(): Promise<void> {
    this.#again = false;
    await this.live?.close();
    await this.end();
  }

  /** Ends without a word to the broker: the whole connection is being closed. */
  async end(): Promise<void> {
    this.#again = false;
    this.#ending.abort();
    await this.#ended;
  }

  /** Waits before an attempt; not longer than until the end. */
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

  async #keep(): Promise<void> {
    let attempt = 0;
    while (this.#again) {
      const began = performance.now();
      try {
        await this.#session();
      } catch (error) {
        const fatal = this.#isReady ? undefined : this.#options.fatal?.(error);
        if (fatal) {
          this.#first.reject(fatal);
          return;
        }
        // Of a lost connection its own supervisor tells.
        if (this.#again && isAnswer(error)) this.#complain(error);
        else log.debug("Left {purpose}: {error}", { purpose: this.#options.purpose, error });
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

  /** One channel from its opening to its end, which is thrown. */
  async #session(): Promise<void> {
    const { connection, purpose, setUp } = this.#options;
    const opened = await connection.opened(this.#ending.signal);
    const live = this.#live = new LiveChannel(await opened.createChannel());
    try {
      this.#ending.signal.throwIfAborted();
      await live.answer(setUp(live));
    } catch (error) {
      await live.close();
      throw error;
    }
    if (this.#complaint !== undefined) log.info("Can {purpose} again", { purpose });
    this.#complaint = undefined;
    this.#isReady = true;
    this.#first.resolve();
    await live.closed;
    throw live.fault;
  }

  #complain(error: unknown): void {
    const reason = replyText(error);
    if (reason === this.#complaint) return;
    this.#complaint = reason;
    log.warn("Cannot {purpose} because {reason}: trying again", {
      purpose: this.#options.purpose,
      reason,
    });
  }
}

/** Whether it was the broker that refused, or that did not answer. */
function isAnswer(error: unknown): boolean {
  return typeof codeOf(error) === "number" || error instanceof BrokerUnavailable;
}
