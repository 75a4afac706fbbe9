/** Tracks the messages to one destination until they are confirmed, with a timeout and limits on count and bytes.
 *
 * Without a majority, with a frozen leader or under an alarm the broker sends neither a confirm nor a nack. A publisher therefore
 * waits at most for the timeout. A message that timed out may still arrive later, as a duplicate.
 *
 * A destination that confirms nothing is suspect: new messages fail at once, except for one probe at a time, sent with backoff. Any
 * later confirm, of the probe or of an earlier message, ends this state.
 * @module
 */
import type { Message } from "../message.ts";
import { type Limit, Usage } from "./usage.ts";
import { WaitingQueue } from "./waiting_queue.ts";
import { retryDelay, type RetryPolicy } from "../../contracts/retry.ts";
import { confirmTimeout, destinationSilent, neverConfirmed, publishQueueFull } from "../errors.ts";

/** A message that is neither confirmed nor failed. */
export interface Pending {
  readonly message: Message;
  readonly mandatory: boolean;
  readonly replyTo: string | undefined;
  /** Identifies the message when the broker returns it. */
  messageId: string | undefined;
  /** Set when the broker has returned the message; its confirm then fails with this error. */
  error: Error | undefined;
}

/** Reports the result of a message.
 *
 * @param error `undefined` when the message is confirmed
 * @param isAnswer whether the broker sent the result. Default `true`; `false` when the channel was lost */
export type Answer = (error: Error | undefined, isAnswer?: boolean) => void;

/** Options of {@linkcode Confirms}. */
export interface ConfirmsOptions {
  /** Milliseconds from {@linkcode Confirms.add} to the confirm. */
  readonly timeoutMs: number;
  /** Limit of unconfirmed messages; further ones wait. */
  readonly inFlight: Limit;
  /** Limit of waiting messages; further ones are rejected. */
  readonly waiting: Limit;
  /** Milliseconds without any answer after which all pending messages fail at once. Default: never; each has its own timeout. */
  readonly silenceMs?: number | undefined;
  /** Sends a message and calls `answer` with its confirm or error. If it throws, the message fails with that error. */
  send(pending: Pending, answer: Answer): void;
  /** Called when timed-out messages reach the `inFlight` limit: the channel does not respond any more. */
  stalled(): void;
}

/** Sweeps within `silenceMs`. Counts sweeps instead of milliseconds, because a busy event loop delays answers and sweeps equally. */
const SILENT_SWEEPS = 5;

/** Seconds until a suspect destination is probed. Each probe may leave a duplicate at the broker. */
const PROBE: RetryPolicy = Object.freeze({ maxAttempts: Infinity, base: 2, cap: 30, jitter: 0.2 });

type State = "waiting" | "sent" | "settled";

export class Confirms {
  readonly #options: ConfirmsOptions;
  /** In insertion order, which is also the order of deadlines. */
  readonly #entries = new Set<Entry>();
  readonly #waiting = new WaitingQueue<Entry>();
  #open = false;
  readonly #waitingUsage = new Usage();
  /** Unconfirmed messages, including timed-out ones, because amqplib keeps their bodies in memory. */
  readonly #sent = new Usage();
  readonly #timedOut = new Usage();
  /** Number of channels so far. Answers from an earlier channel are ignored. */
  #epoch = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Sweeps and silent periods since the last answer. */
  #sweeps = 0;
  #answeredAt = 0;
  #silences = 0;
  #silentUntil = 0;
  #idle: (() => void)[] = [];

  constructor(options: ConfirmsOptions) {
    this.#options = options;
  }

  /** Number of pending messages. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether messages got no answer and none has arrived since. */
  get isSuspect(): boolean {
    return this.#silences > 0;
  }

  /** Whether a new message would fail at once: the destination is suspect, and a probe is in flight or not due. */
  get silent(): boolean {
    return this.isSuspect && (this.size > 0 || performance.now() < this.#silentUntil);
  }

  /** Milliseconds of `performance.now()` at the last answer; 0 before the first. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** Unconfirmed messages, oldest first. */
  *inFlight(): Iterable<Pending> {
    for (const entry of this.#entries) if (entry.state === "sent") yield entry;
  }

  /** Sends a message, or queues it until it can be sent.
   *
   * @throws {BrokerUnavailable} when the timeout passes, or the error that ended the message
   * @throws {NotSent} when the destination is silent, or too many messages wait */
  add(
    message: Message,
    options: { mandatory: boolean; replyTo?: string | undefined; signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (this.silent) return Promise.reject(destinationSilent(message));
    const canSend = this.#open && this.#waitingUsage.messages === 0 &&
      !this.#sent.reaches(this.#options.inFlight);
    if (!canSend && this.#waitingUsage.reaches(this.#options.waiting)) {
      return Promise.reject(publishQueueFull(message));
    }
    return new Promise<void>((resolve, reject) => {
      const since = performance.now();
      const entry = new Entry(message, options.mandatory, options.replyTo, since, resolve, reject);
      entry.deadline = since + this.#options.timeoutMs;
      if (options.signal) this.#watch(entry, options.signal);
      this.#entries.add(entry);
      if (this.#timer === undefined) this.#startSweeping();
      if (canSend) return this.#send(entry);
      this.#waiting.push(entry);
      this.#waitingUsage.add(message);
    });
  }

  /** Reports an open channel: waiting messages are sent. */
  resume(): void {
    this.#open = true;
    this.#pump();
  }

  /** Reports that there is no channel: new messages wait. */
  pause(): void {
    this.#open = false;
  }

  /** Fails all unconfirmed messages, because their channel is lost. Waiting messages stay. */
  failInFlight(error: (message: Message) => Error): void {
    this.#open = false;
    this.#epoch++;
    this.#sent.clear();
    this.#timedOut.clear();
    for (const entry of this.#entries) {
      if (entry.state === "sent") this.#settle(entry, error(entry.message));
    }
  }

  /** Fails all waiting messages, because none can be sent soon. */
  failWaiting(error: (message: Message) => Error): void {
    for (const entry of this.#waiting.takeAll()) {
      if (entry.state === "waiting") this.#settle(entry, error(entry.message));
    }
  }

  /** Makes the next message a probe if the destination is suspect: there is a new connection. */
  probeNow(): void {
    this.#silentUntil = 0;
  }

  /** Shortens the remaining timeout of unconfirmed messages to at most `milliseconds`. */
  shortenTimeout(milliseconds: number): void {
    const deadline = performance.now() + milliseconds;
    for (const entry of this.#entries) {
      if (entry.state === "sent" && entry.deadline > deadline) entry.deadline = deadline;
    }
  }

  /** Resolves when no message is pending: after the timeout at the latest. */
  idle(): Promise<void> {
    if (this.#entries.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #startSweeping(): void {
    const { timeoutMs, silenceMs = Infinity } = this.#options;
    this.#sweeps = 0;
    this.#timer = setInterval(
      () => this.#sweep(),
      Math.max(5, Math.min(timeoutMs / 20, silenceMs / SILENT_SWEEPS)),
    );
  }

  #send(entry: Entry): void {
    entry.state = "sent";
    this.#sent.add(entry.message);
    const epoch = this.#epoch;
    try {
      this.#options.send(entry, (error, isAnswer = true) => {
        if (epoch === this.#epoch) this.#answered(entry, error, isAnswer);
      });
    } catch (error) {
      this.#sent.remove(entry.message);
      this.#settle(entry, error);
    }
  }

  #answered(entry: Entry, error: Error | undefined, isAnswer: boolean): void {
    this.#sent.remove(entry.message);
    if (isAnswer) {
      this.#sweeps = 0;
      this.#silences = 0;
      this.#answeredAt = performance.now();
    }
    if (entry.state === "sent") this.#settle(entry, error);
    else this.#timedOut.remove(entry.message);
    this.#pump();
  }

  #pump(): void {
    while (
      this.#open && this.#waiting.length > 0 && !this.#sent.reaches(this.#options.inFlight)
    ) {
      const entry = this.#waiting.shift();
      if (entry?.state !== "waiting") continue;
      this.#waitingUsage.remove(entry.message);
      this.#send(entry);
    }
  }

  #settle(entry: Entry, error: unknown): void {
    if (entry.state === "waiting") this.#waitingUsage.remove(entry.message);
    entry.state = "settled";
    this.#entries.delete(entry);
    entry.unwatch?.();
    if (error === undefined) entry.resolve();
    else entry.reject(error);
    if (this.#entries.size > 0) return;
    this.#waiting.takeAll();
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #sweep(): void {
    const now = performance.now();
    let isSilent = this.#options.silenceMs !== undefined && ++this.#sweeps > SILENT_SWEEPS;
    for (const entry of this.#entries) {
      if (entry.deadline > now) break;
      const isSent = entry.state === "sent";
      this.#giveUp(entry, confirmTimeout(entry.message, isSent, now - entry.since));
      isSilent ||= isSent && entry.since > this.#answeredAt;
    }
    if (isSilent) this.#becomeSilent(now);
    // Failed messages would otherwise stay in memory until a channel opens.
    if (this.#waiting.length > this.#waitingUsage.messages) {
      for (const entry of this.#waiting.takeAll()) {
        if (entry.state === "waiting") this.#waiting.push(entry);
      }
    }
    if (this.#timedOut.reaches(this.#options.inFlight)) this.#options.stalled();
  }

  /** Fails all messages before their timeout. */
  #becomeSilent(now: number): void {
    this.#sweeps = 0;
    this.#silentUntil = now + 1000 * (retryDelay(PROBE, this.#silences++, Math.random()) ?? 0);
    for (const entry of this.#entries) {
      this.#giveUp(
        entry,
        (entry.state === "sent" ? neverConfirmed : destinationSilent)(entry.message),
      );
    }
    this.#waiting.takeAll();
  }

  #giveUp(entry: Entry, reason: unknown): void {
    if (entry.state === "sent") this.#timedOut.add(entry.message);
    this.#settle(entry, reason);
  }

  #watch(entry: Entry, signal: AbortSignal): void {
    const abort = () => this.#giveUp(entry, signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    entry.unwatch = () => signal.removeEventListener("abort", abort);
  }
}

class Entry implements Pending {
  state: State = "waiting";
  deadline = Infinity;
  messageId: string | undefined = undefined;
  error: Error | undefined = undefined;
  unwatch: (() => void) | undefined = undefined;

  constructor(
    readonly message: Message,
    readonly mandatory: boolean,
    readonly replyTo: string | undefined,
    readonly since: number,
    readonly resolve: () => void,
    readonly reject: (reason: unknown) => void,
  ) {}
}
